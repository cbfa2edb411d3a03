using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using Akka.Actor;

namespace ActorRepl.Actors.Nodes;

/// <summary>
/// Settles whether a node founds its cluster or joins it as one whose disk was replaced, before its runtime starts. A
/// founder with an empty data directory asks all others; a node that founded or joined before asks nobody.
/// </summary>
public sealed class ClusterFounding
{
    private readonly FoundingProgress _progress;

    private ClusterFounding(FoundingProgress progress) => _progress = progress;

    /// <summary>Completes when the runtime may start. Fails with <see cref="InvalidOperationException"/> if it never may.</summary>
    public Task Settled => _progress.Task;

    /// <summary>What is waited for; empty: nothing.</summary>
    public string Waiting => _progress.Waiting;

    /// <summary>Starts to ask, if there is something to ask, and to answer other founders.</summary>
    /// <param name="system">Ends both.</param>
    /// <param name="settings">As for the runtime; their store holds the outcome.</param>
    /// <param name="hasData">There is data of replicas in the node's directory.</param>
    /// <exception cref="ArgumentException">What the node remembers cannot be read.</exception>
    public static ClusterFounding Start(ActorSystem system, ReplicationSettings settings, bool hasData)
    {
        Begin(settings);
        var progress = new FoundingProgress(hasData);
        system.ActorOf(FoundingActor.Props(settings, progress), settings.RootName(settings.SelfNode) + Names.Founding);
        return new ClusterFounding(progress);
    }

    // The disk has its id before anybody hears of it.
    private static void Begin(ReplicationSettings settings)
    {
        if (settings.NodeState.Load() is { } bytes)
        {
            try
            {
                NodeState.Decode(bytes);
                return;
            }
            catch (InvalidDataException damage)
            {
                throw new ArgumentException($"what {settings.Self} keeps of the cluster cannot be read: {damage.Message}", damage);
            }
        }

        var state = new NodeState { Undecided = true, Disk = Guid.NewGuid(), Founders = settings.FoundingNodes, Nodes = settings.Nodes };
        settings.NodeState.Save(state.Encode());
    }

    internal static ActorPath PathOn(ReplicationSettings settings, NodeInfo node) =>
        new RootActorPath(node.Address) / "user" / (settings.RootName(node) + Names.Founding);
}

/// <summary>How far the founding of a node is, as its actor tells. Thread-safe.</summary>
internal sealed class FoundingProgress(bool hasData)
{
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string _waiting = "";

    public bool HasData => hasData;

    public Task Task => _settled.Task;

    public string Waiting
    {
        get => _waiting;
        set => _waiting = value;
    }

    public void Settle()
    {
        _waiting = "";
        _settled.TrySetResult();
    }

    public void Refuse(string why)
    {
        _waiting = why;
        _settled.TrySetException(new InvalidOperationException(why));
    }
}
