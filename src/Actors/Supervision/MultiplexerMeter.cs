using System.Diagnostics.Metrics;

namespace ActorRepl.Actors.Supervision;

/// <summary>What the multiplexers of this process send, as counters of the meter <c>ActorRepl</c>.</summary>
internal static class MultiplexerMeter
{
    private static readonly Meter Meter = new("ActorRepl");

    /// <summary>Beats of single shards; none come from a shard that is quiet.</summary>
    public static readonly Counter<long> Beats = Meter.CreateCounter<long>("actorrepl.multiplexer.beats", "{beat}");

    /// <summary>Messages between nodes; one holds all beats that came together.</summary>
    public static readonly Counter<long> Bundles = Meter.CreateCounter<long>("actorrepl.multiplexer.bundles", "{bundle}");
}
