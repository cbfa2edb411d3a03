using ActorRepl.Actors.Settings;
using Akka.Actor;
using Akka.Event;

namespace ActorRepl.Actors.Nodes;

/// <summary>
/// Starts and stops this node's replicas while it runs. A change is in the node's store before it begins, so that a node
/// that is killed in between goes on with it; the data of replicas that left is deleted one replica at a time.
/// </summary>
internal sealed class HostingActor(ReplicationSettings settings, NodeMemory memory) : UntypedActor
{
    private static readonly TimeSpan EraseRetry = TimeSpan.FromSeconds(30);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly HashSet<HostedShard> _stopping = [];
    private HostedShard? _erasing;

    // On the default dispatcher: it waits for the disk.
    public static Props Props(ReplicationSettings settings, NodeMemory memory) => Akka.Actor.Props.Create(() => new HostingActor(settings, memory));

    protected override void PreStart() => EraseNext();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case HostShard host:
                Host(host);
                break;
            case ReleaseShard release:
                Release(release);
                break;
            case HostingStopped stopped when _stopping.Remove(stopped.Replica):
                EraseNext();
                break;
            case ReplicaErased erased:
                OnErased(erased);
                break;
            case ReceiveTimeout:
                Context.SetReceiveTimeout(null);
                EraseNext();
                break;
        }
    }

    private HostedShard? Find(string group, int shard)
    {
        foreach (HostedShard hosted in memory.State.Hosted)
        {
            if (hosted.Group == group && hosted.Shard == shard)
                return hosted;
        }

        return null;
    }

    private void Host(HostShard host)
    {
        if (Find(host.Group, host.Shard) is not null || settings.Groups.All(group => group.Name != host.Group))
            return;
        var replica = new HostedShard(host.Group, host.Shard, memory.State.LastGeneration + 1);
        memory.Change(state => state with { Hosted = [.. state.Hosted, replica], LastGeneration = replica.Generation });
        _log.Info("a replica of {0}/{1} joins on {2}", host.Group, host.Shard, settings.Self);
        Context.Parent.Tell(new StartHosting(replica), Self);
    }

    private void Release(ReleaseShard release)
    {
        if (Find(release.Group, release.Shard) is not { } replica)
            return;
        memory.Change(state => state with
        {
            Hosted = [.. state.Hosted.Where(hosted => hosted != replica)],
            Leftovers = [.. state.Leftovers, replica],
        });
        _log.Info("the replica of {0}/{1} on {2} has left its shard; its data is deleted", release.Group, release.Shard, settings.Self);
        _stopping.Add(replica);
        Context.Parent.Tell(new StopHosting(replica), Self);
    }

    private void EraseNext()
    {
        if (_erasing is not null)
            return;
        foreach (HostedShard leftover in memory.State.Leftovers)
        {
            if (_stopping.Contains(leftover))
                continue;
            _erasing = leftover;
            Context.ActorOf(ReplicaEraser.Props(settings, leftover));
            return;
        }
    }

    private void OnErased(ReplicaErased erased)
    {
        _erasing = null;
        if (erased.Problem is { } problem)
        {
            _log.Warning("the data of a former replica of {0}/{1} cannot be deleted yet: {2}", erased.Replica.Group, erased.Replica.Shard, problem);
            Context.SetReceiveTimeout(EraseRetry);
            return;
        }

        memory.Change(state => state with { Leftovers = [.. state.Leftovers.Where(leftover => leftover != erased.Replica)] });
        EraseNext();
    }
}
