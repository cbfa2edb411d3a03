using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Driver;

/// <summary>
/// Marks in the log: every replica that waits for one sees its machine frozen just after that very entry, however busy the shard is, and
/// whichever protocol brought the entry there.
/// </summary>
public sealed partial class ReplicaDriver
{
    /// <summary>Marks that may be waited for at once.</summary>
    public const int MaxMarks = 8;

    private readonly List<Mark> _marks = [];

    private readonly record struct Mark(ReadOnlyMemory<byte> Payload, Action<LogPosition, ICheckpointView> Reached);

    /// <summary>
    /// Calls back, once, as soon as a command of exactly this payload has been applied: from within a call of the driver, which must not
    /// be called back from there. Who is called disposes the view. False: there are <see cref="MaxMarks"/> already.
    /// </summary>
    public bool AwaitMark(ReadOnlyMemory<byte> payload, Action<LogPosition, ICheckpointView> reached)
    {
        if (_marks.Count == MaxMarks)
            return false;
        _marks.Add(new Mark(payload, reached));
        return true;
    }

    /// <summary>Calls back at once with the machine as it is: for groups without a common log, where no mark says when. Otherwise as <see cref="AwaitMark"/>.</summary>
    public void Freeze(Action<LogPosition, ICheckpointView> reached) => reached(Applied, _machine.BeginCheckpoint());

    public void ForgetMark(ReadOnlyMemory<byte> payload) => _marks.RemoveAll(mark => mark.Payload.Span.SequenceEqual(payload.Span));

    private void PassMarks(ReadOnlySpan<byte> payload, LogPosition at)
    {
        for (int i = _marks.Count - 1; i >= 0; i--)
        {
            Mark mark = _marks[i];
            if (!mark.Payload.Span.SequenceEqual(payload))
                continue;
            _marks.RemoveAt(i);
            mark.Reached(at, _machine.BeginCheckpoint());
        }
    }
}
