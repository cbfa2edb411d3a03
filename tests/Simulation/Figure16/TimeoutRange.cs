using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Simulation.Figure16;

/// <summary>Election timeouts of a line in figure 16, in ms, and how many trials make it.</summary>
internal sealed record TimeoutRange(int Min, int Max, int Trials = 1_000)
{
    /// <summary>The upper graph: how much randomness; the lower one: how short.</summary>
    public static readonly TimeoutRange[] Figure =
    [
        new(150, 150, Trials: 100), new(150, 151), new(150, 155), new(150, 175), new(150, 200), new(150, 300),
        new(12, 24), new(25, 50), new(50, 100), new(100, 200),
    ];

    public long MinMicros => Min * Instant.Millisecond;

    /// <summary>As in the paper: no pre-vote, and heartbeats twice in the shortest timeout.</summary>
    public RaftOptions Options => RaftOptions.Default with
    {
        PreVote = false,
        HeartbeatMicros = MinMicros / 2,
        ElectionMinMicros = MinMicros,
        ElectionMaxMicros = Math.Max(Max * Instant.Millisecond, MinMicros + 1),
    };

    public override string ToString() => $"{Min}–{Max}";
}
