using System.Collections.Immutable;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using Akka.Actor;
using Akka.Event;

namespace ActorRepl.Actors.Control;

/// <summary>
/// Tells the control group, on every start, that this node is there and which groups it declares; tries again until that is
/// taken, or refused for good.
/// </summary>
internal sealed class Registrar : UntypedActor, IWithTimers
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(500);
    private static readonly RequestOptions Patience = new() { Timeout = TimeSpan.FromSeconds(10) };

    private readonly ControlClient _client;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Queue<ControlCommand> _toSay = new();

    public Registrar(ReplicationSettings settings, Guid disk, ControlClient client)
    {
        _client = client;
        NodeInfo self = settings.SelfNode;
        _toSay.Enqueue(new ControlCommand.RegisterNode(self.Id, self.Name, $"{self.Address.Host}:{self.Address.Port}", disk, self.Region, self.Rack));
        foreach (GroupDefinition group in settings.Groups)
            _toSay.Enqueue(new ControlCommand.RegisterGroup(group.Name, group.Protocol.Name, group.Replicas, group.Options, FirstPlacement(settings, group)));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ReplicationSettings settings, Guid disk, ControlClient client) =>
        Akka.Actor.Props.Create(() => new Registrar(settings, disk, client));

    protected override void PreStart() => Timers.StartSingleTimer("next", Next.Instance, Again);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Next when _toSay.TryPeek(out ControlCommand? command):
                SayAsync(command).PipeTo(Self);
                break;
            case Said said:
                OnSaid(said);
                break;
            case Status.Failure failure: // of SayAsync: whatever it was, the node must not stay untold
                OnSaid(new Said(failure.Cause.Message, IsFinal: false));
                break;
        }
    }

    // Where the replicas are at first: the nodes' labels, which nobody knew then, do not count.
    private static ImmutableArray<ShardPlan> FirstPlacement(ReplicationSettings settings, GroupDefinition group) => PlacementPlanner.Initial(
        [.. settings.FoundingNodes.Select(id => new ControlNode { Id = id, Name = id.ToString(), Address = "", Disk = Guid.Empty })], group.Shards, group.FirstMembers(settings.FoundingNodes.Count));

    private async Task<Said> SayAsync(ControlCommand command)
    {
        try
        {
            await _client.SubmitAsync(command, Patience).ConfigureAwait(false);
            return new Said(null, IsFinal: true);
        }
        catch (ControlClient.ControlRefusal refusal) when (refusal.Why == ControlRefusal.Invalid && command is ControlCommand.RegisterGroup)
        {
            return await RefusedAsync((ControlCommand.RegisterGroup)command, refusal).ConfigureAwait(false);
        }
        catch (ControlClient.ControlRefusal refusal)
        {
            // A founding node that has not registered yet will.
            return new Said(refusal.Message, IsFinal: refusal.Why == ControlRefusal.Invalid);
        }
        catch (ReplicationException problem)
        {
            return new Said(problem.Message, IsFinal: false);
        }
    }

    private async Task<Said> RefusedAsync(ControlCommand.RegisterGroup command, ControlClient.ControlRefusal refusal)
    {
        try
        {
            ControlGroup? known = await _client.GroupAsync(command.Name, Patience).ConfigureAwait(false);
            return new Said(refusal.Message, IsFinal: true) { IsDeclaredOtherwise = known is not null && (known.Protocol != command.Protocol || known.Options != command.Options) };
        }
        catch (ReplicationException problem)
        {
            return new Said(problem.Message, IsFinal: false);
        }
    }

    private void OnSaid(Said said)
    {
        if (said.IsFinal)
        {
            ControlCommand command = _toSay.Dequeue();
            if (said.Problem is { } refusal)
                _log.Error("the control group refuses {0}: {1}", command.GetType().Name, refusal);
            if (said.IsDeclaredOtherwise && command is ControlCommand.RegisterGroup group)
                Context.Parent.Tell(new GroupRefused(group.Name, said.Problem!), Self);
        }
        else
        {
            _log.Debug("the control group does not take what this node says of itself, it is told again: {0}", said.Problem);
        }

        if (_toSay.Count > 0)
            Timers.StartSingleTimer("next", Next.Instance, said.IsFinal ? TimeSpan.Zero : Again);
    }

    private sealed class Next
    {
        public static readonly Next Instance = new();
    }

    private sealed record Said(string? Problem, bool IsFinal)
    {
        /// <summary>The cluster's other nodes have the group by another protocol, or with other options.</summary>
        public bool IsDeclaredOtherwise { get; init; }
    }
}
