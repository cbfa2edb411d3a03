using System.Diagnostics;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Routing;

/// <summary>One replica of the shard, as the router sees it.</summary>
internal sealed class RouterTarget(ReplicaId node, bool local, ICanTell supervisor)
{
    // What was measured longer ago says little; one that is not asked is tried again after as long.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(10);

    private double _answerMicros;
    private long _answeredAt;

    public ReplicaId Node => node;

    /// <summary>How long its answers to reads have taken lately, µs, a moving average; 0: it is not known.</summary>
    public long AnswerMicros => Stopwatch.GetElapsedTime(_answeredAt) < Fresh ? (long)_answerMicros : 0;

    /// <summary>It is on this node.</summary>
    public bool Local { get; } = local;

    public ICanTell Supervisor { get; set; } = supervisor;

    /// <summary>It can answer reads of any kind: it is a member, and no witness.</summary>
    public bool HoldsState { get; set; } = true;

    /// <summary>Its node runs: what is sent to one that is still starting is lost without a word, as nobody is there to say so.</summary>
    public bool Heard { get; set; } = local;

    /// <summary>It went away or fell silent; what others say of its leading does not count until it speaks itself.</summary>
    public bool Suspect { get; set; }

    /// <summary>The last term it was believed to lead in.</summary>
    public long LedTerm { get; set; }

    /// <summary>Its supervisor last said that it is not running because storage failed.</summary>
    public bool StorageFailed { get; set; }

    public void Answered(TimeSpan after)
    {
        _answerMicros = AnswerMicros == 0 ? after.TotalMicroseconds : _answerMicros + (after.TotalMicroseconds - _answerMicros) / 8;
        _answeredAt = Stopwatch.GetTimestamp();
    }
}
