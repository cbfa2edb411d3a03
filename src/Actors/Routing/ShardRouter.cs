using System.Diagnostics;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Supervision;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Routing;

/// <summary>
/// Takes the calls of this node to whichever replica leads the shard. What waits together travels together; what
/// certainly has not been done is sent again, in the order of arrival, until its deadline; what may have been done is not.
/// Nothing is kept past its deadline or beyond the limits.
/// </summary>
internal sealed partial class ShardRouter : UntypedActor
{
    private readonly ReplicationSettings _settings;
    private readonly GroupDefinition _group;
    private readonly int _shard;
    private readonly NodeLocator _locator;
    private readonly Dictionary<ReplicaId, RouterTarget> _targets = [];
    private readonly Dictionary<long, Call> _calls = [];
    private readonly List<Call> _returned = [];
    private readonly Backoff _backoff;
    private readonly IActorRef _self;

    private Queue<Call> _waiting = new();
    private readonly ReadQueues _forAny = new();
    private readonly List<Call> _resting = [];
    private long _bytes;
    private long _lastId;
    private long _lastBatch;
    private bool _flushing;
    private bool _checking;

    public ShardRouter(ReplicationSettings settings, NodeLocator locator, GroupDefinition group, int shard)
    {
        _settings = settings;
        _group = group;
        _shard = shard;
        _backoff = new Backoff(settings.Router.MinBackoff, settings.Router.MaxBackoff);
        _self = Self;
        _locator = locator;
        _readsAtTail = group.Protocol.ReadsAtTail;
        _isLeaderless = group.Protocol.IsLeaderless;
        foreach (ReplicaId node in settings.FirstReplicasOf(group, shard))
            _ = Find(node);
    }

    public static Props Props(ReplicationSettings settings, NodeLocator locator, GroupDefinition group, int shard) =>
        Akka.Actor.Props.Create(() => new ShardRouter(settings, locator, group, shard)).WithDispatcher(settings.Dispatcher);

    protected override void PostStop()
    {
        foreach (Call call in _calls.Values.ToArray())
            Fail(call, new Rejection(RejectReason.Unavailable, OutcomeUnknown: IsUncertain(call), Detail: "the node is stopping"));
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Call call:
                Admit(call);
                break;
            case FlushCalls:
                _flushing = false;
                Flush();
                break;
            case ReplyBatch batch when IsOurs(batch.Group, batch.Shard):
                OnReplies(batch);
                break;
            case ReplicaStopped stopped when IsOurs(stopped.Group, stopped.Shard):
                OnLost(stopped.From, stopped.LastBatch, $"the replica on {stopped.From} stopped");
                break;
            case ReplicaReport report when IsOurs(report.Group, report.Shard):
                OnReport(report);
                break;
            case ReplicaStatusChanged changed when IsOurs(changed.Report.Group, changed.Report.Shard):
                OnReport(changed.Report);
                break;
            case PeerChanged peer when _targets.TryGetValue(peer.Node, out RouterTarget? target):
                OnPeer(target, peer.Up);
                break;
            case NodeChanged changed:
                OnNodeChanged(changed.Node);
                break;
            case ShardHeldBy members:
                Hear(members.Members);
                break;
            case LookForLeader:
                OnLookForLeader();
                break;
            case CheckDeadlines:
                OnCheckDeadlines();
                break;
            case CancelCall cancel:
                OnCancel(cancel);
                break;
        }
    }

    private bool IsOurs(string group, int shard) => shard == _shard && group == _group.Name;

    private void Admit(Call call)
    {
        if (call.Payload.Length > _settings.Limits.MaxRequestBytes)
        {
            call.Fail(new Rejection(
                RejectReason.Invalid,
                Detail: $"the request has {call.Payload.Length} bytes; {_settings.Limits.MaxRequestBytes} are allowed (actorrepl.limits.max-request-bytes)"));
            return;
        }

        if (_calls.Count >= _settings.Router.MaxRequests || _bytes + call.Payload.Length > _settings.Router.MaxBytes)
        {
            call.Fail(new Rejection(RejectReason.Overloaded, Detail: $"{_calls.Count} requests with {_bytes} bytes are under way to {Place}"));
            return;
        }

        call.Id = ++_lastId;
        call.Deadline = Environment.TickCount64 + call.TimeoutMillis;
        call.SentTo = ReplicaId.None;
        call.LastRejection = null;
        call.ForLeader = false;
        call.Avoid = ReplicaId.None;
        call.TooStale = 0;
        call.Goal = ReplicaId.None;
        call.Hops = 0;
        _bytes += call.Payload.Length;
        _calls.Add(call.Id, call);
        if (_isLeaderless)
            _forMembers.Enqueue(call);
        else if (call.IsForAny)
            _forAny.Add(call);
        else
            (IsForTail(call) ? _forTail : _waiting).Enqueue(call);
        ScheduleFlush();
        ScheduleDeadlineCheck();
    }

    private string Place => $"group '{_group.Name}', shard {_shard}";

    private void ScheduleFlush()
    {
        if (_flushing)
            return;
        _flushing = true;
        _self.Tell(FlushCalls.Instance, ActorRefs.NoSender);
    }

    private void Flush()
    {
        TakeBackReturned();
        SendToMembers();
        SendReads();
        SendTo(_leader, _waiting);
        SendTo(_tail, _forTail);
    }

    private void SendTo(RouterTarget? target, Queue<Call> queue)
    {
        if (queue.Count == 0)
            return;
        if (target is not null)
            Send(queue, target);
        else
            ScheduleLook();
    }

    private void Send(Queue<Call> queue, RouterTarget target)
    {
        long now = Environment.TickCount64;
        while (queue.Count > 0)
        {
            RoutedRequest[] requests = NextBatch(queue, target, now);
            if (requests.Length > 0)
                target.Supervisor.Tell(new RequestBatch(_group.Name, _shard, _lastBatch, requests), _self);
        }
    }

    private RoutedRequest[] NextBatch(Queue<Call> queue, RouterTarget target, long now)
    {
        _lastBatch++;
        long sentAt = Stopwatch.GetTimestamp();
        var requests = new List<RoutedRequest>(Math.Min(queue.Count, _settings.Router.MaxBatch));
        long bytes = 0;
        while (requests.Count < _settings.Router.MaxBatch && queue.TryPeek(out Call? call))
        {
            if (!IsWaiting(call))
            {
                queue.Dequeue();
                continue;
            }

            bytes += RoutedRequest.Overhead + RoutedRequest.MostBeside + call.Payload.Length;
            if (requests.Count > 0 && bytes > _settings.Limits.BatchBytes)
                break;
            queue.Dequeue();
            call.SentTo = target.Node;
            call.Batch = _lastBatch;
            call.SentAt = sentAt;
            requests.Add(new RoutedRequest(call.Id, call.Kind, Remaining(call, now), call.Payload)
            {
                MaxStalenessMillis = call.MaxStalenessMillis,
                AtLeast = call.AtLeast,
                Concern = call.Concern,
                Level = call.Level,
            });
        }

        return [.. requests];
    }

    // A call that was answered while it waited may meanwhile be in use for something else.
    private bool IsWaiting(Call call) => call.Id != 0 && _calls.TryGetValue(call.Id, out Call? known) && ReferenceEquals(known, call) && call.SentTo.IsNone;

    private static bool HasEffect(Call call) => call.Kind is RequestKind.Command or RequestKind.ChangeMembers or RequestKind.Transfer;

    private bool IsUncertain(Call call) => HasEffect(call) && !call.SentTo.IsNone;

    private void Complete(Call call, ReadOnlyMemory<byte> result, LogPosition seen)
    {
        Forget(call);
        call.Complete(result, seen);
    }

    private void Fail(Call call, in Rejection why)
    {
        Forget(call);
        call.Fail(why);
    }

    private void Forget(Call call)
    {
        _calls.Remove(call.Id);
        _bytes -= call.Payload.Length;
    }
}
