using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Settings;

/// <summary>The control group: who is in the cluster, and who is to hold what. It is on every node.</summary>
public sealed record ControlSettings
{
    /// <summary>The voters among its members; the other nodes learn.</summary>
    public const int MaxVoters = 5;

    public required IProtocolFactory Protocol { get; init; }

    public DriverOptions Driver { get; init; } = new();

    /// <summary>How often a node tells the controller how its replicas are, changes of leader apart: those at once.</summary>
    public TimeSpan ReportInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often the controller looks for something to do.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>A node that has not reported for this long is down.</summary>
    public TimeSpan DownAfter { get; init; } = TimeSpan.FromSeconds(5);

    public ReconcilerOptions Reconciler { get; init; } = new();
}
