using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using Akka.Actor;

namespace ActorRepl.Actors.Routing;

/// <summary>
/// Takes a group's public messages, <see cref="Execute"/> and <see cref="Query"/>, to the router of the shard that owns
/// the key, and news to the routers they concern. Anything else is refused by a reply, not silence.
/// </summary>
internal sealed class GroupRouter : UntypedActor
{
    private readonly ReplicationSettings _settings;
    private readonly GroupDefinition _group;
    private readonly IActorRef[] _shards;

    public GroupRouter(ReplicationSettings settings, NodeLocator locator, GroupDefinition group, RouterTable routers)
    {
        _settings = settings;
        _group = group;
        _shards = new IActorRef[group.Shards];
        for (int shard = 0; shard < group.Shards; shard++)
        {
            _shards[shard] = Context.ActorOf(ShardRouter.Props(settings, locator, group, shard), Names.Shard(shard));
            routers.Register(group.Name, shard, _shards[shard]);
        }
    }

    public static Props Props(ReplicationSettings settings, NodeLocator locator, GroupDefinition group, RouterTable routers) =>
        Akka.Actor.Props.Create(() => new GroupRouter(settings, locator, group, routers)).WithDispatcher(settings.Dispatcher);

    protected override void PreStart()
    {
        foreach (Type news in (Type[])[typeof(ReplicaStatusChanged), typeof(PeerChanged), typeof(NodeChanged)])
            Context.System.EventStream.Subscribe(Self, news);
    }

    protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ReplicaStatusChanged { Report: var report }:
                if (report.Group == _group.Name && report.Shard >= 0 && report.Shard < _shards.Length)
                    _shards[report.Shard].Tell(message, Sender);
                break;
            case PeerChanged or NodeChanged:
                foreach (IActorRef shard in _shards)
                    shard.Tell(message, Sender);
                break;
            case Execute { Concern.IsDefault: false } execute when Concerns.Refusal(_group, execute.Concern) is { } refusal:
                Refuse(refusal);
                break;
            case Execute { Level.IsDefault: false } execute when Levels.Refusal(_group, execute.Level) is { } refusal:
                Refuse(refusal);
                break;
            case Execute { ClientId: not null } when _group.Protocol.IsLeaderless:
                Refuse($"group '{_group.Name}' has no leader, and so no sessions");
                break;
            case Execute execute when execute.ClientId is null:
                Route(execute.Key, new AskedCall(
                    RequestKind.Command, Commands.Payload(_group, execute.Command.Span), Timeout(execute.TimeoutMillis), Sender, Self)
                { Concern = execute.Concern, Level = execute.Level });
                break;
            case Execute { ClientId: { } client } execute when execute.FirstIncomplete >= 1 && execute.Sequence >= execute.FirstIncomplete:
                var stamp = new SessionStamp(client, execute.Sequence, execute.FirstIncomplete);
                Route(execute.Key, new AskedCall(
                    RequestKind.Command, CommandEnvelope.Encode(stamp, execute.Command.Span), Timeout(execute.TimeoutMillis), Sender, Self)
                { OfSession = true, Concern = execute.Concern });
                break;
            case Execute execute:
                Refuse($"sequence {execute.Sequence} with {execute.FirstIncomplete} as the first incomplete; both are from 1, and the first incomplete is not above the sequence");
                break;
            case Query query when Reads.Refusal(query.Kind, query.ReadFrom, query.AtLeast) is { } refusal:
                Refuse(refusal);
                break;
            case Query { Level.IsDefault: false } query when Levels.Refusal(_group, query.Level) is { } refusal:
                Refuse(refusal);
                break;
            case Query { MaxStalenessMillis: < 0 } query:
                Refuse($"a read of bounded staleness allows 0 ms or more, not {query.MaxStalenessMillis}");
                break;
            case Query query:
                (RequestKind kind, ReadFrom from) = Reads.Resolve(_group, query.Kind, query.ReadFrom);
                Route(query.Key, new AskedCall(kind, query.Payload, Timeout(query.TimeoutMillis), Sender, Self)
                {
                    MaxStalenessMillis = query.MaxStalenessMillis,
                    From = from,
                    AtLeast = query.AtLeast,
                    Level = query.Level,
                });
                break;
            case RequestBatch or ReplyBatch or PeerEnvelope or HandOverLeadership:
                Unhandled(message);
                break;
            default:
                Refuse($"the router of group '{_group.Name}' takes {nameof(Execute)} and {nameof(Query)}, not {message.GetType().Name}");
                break;
        }
    }

    private void Route(ReadOnlyMemory<byte> key, AskedCall call) => _shards[ShardHash.ShardOf(key.Span, _shards.Length, _group.KeyPlacement)].Tell(call, Self);

    private int Timeout(int? millis) => millis is > 0 and int given ? given : (int)_settings.RequestTimeout.TotalMilliseconds;

    private void Refuse(string why)
    {
        if (!Sender.IsNobody())
            Sender.Tell(new RequestRejected(RejectReason.Invalid, OutcomeUnknown: false, Explain.Rejection(new Rejection(RejectReason.Invalid, Detail: why))), Self);
    }
}
