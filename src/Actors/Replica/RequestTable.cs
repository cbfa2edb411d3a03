using System.Runtime.InteropServices;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Who waits for which request of a replica, and the answers that go back at the end of a turn: one message a router, as
/// far as the limits allow.
/// </summary>
internal sealed class RequestTable(string group, int shard, ReplicaId self, WireLimits limits, NodeLocator locator)
{
    // What a reply that travels alone has around its result, at most.
    private const int ReplyOverhead = 1024;

    private readonly Dictionary<long, Pending> _pending = [];
    private readonly Dictionary<IActorRef, Origin> _origins = [];
    private readonly List<Origin> _withReplies = [];
    private long _lastId;

    /// <summary>Requests taken and not answered.</summary>
    public int Count => _pending.Count;

    /// <summary>The origin of requests, kept while it waits for any.</summary>
    public Origin From(IActorRef router)
    {
        if (!_origins.TryGetValue(router, out Origin? origin))
            _origins.Add(router, origin = new Origin(router, locator.Back(router)));
        return origin;
    }

    /// <summary>Takes a request and names it for the protocol.</summary>
    public long Add(Origin origin, long routerId)
    {
        _pending.Add(++_lastId, new Pending(origin, routerId));
        origin.Waiting++;
        return _lastId;
    }

    public void Reply(long id, ReadOnlyMemory<byte> result)
    {
        if (result.Length > limits.MaxMessageBytes - ReplyOverhead)
            Reject(id, new Rejection(RejectReason.Invalid, OutcomeUnknown: true, Detail: $"the result has {result.Length} bytes; one message holds {limits.MaxMessageBytes - ReplyOverhead}"));
        else
            Answer(id, result, null);
    }

    public void Reject(long id, in Rejection why) => Answer(id, default, why);

    /// <summary>Rejects whatever is left: the replica stops and cannot say what becomes of it.</summary>
    public void RejectAll(in Rejection why)
    {
        foreach (long id in _pending.Keys.ToArray())
            Reject(id, why);
    }

    /// <summary>Sends the answers of this turn, and where the state stands that they were taken from.</summary>
    public void SendReplies(IActorRef sender, LogPosition applied = default)
    {
        if (_withReplies.Count == 0)
            return;
        foreach (Origin origin in _withReplies)
        {
            SendReplies(origin, sender, applied);
            if (origin.Waiting == 0 && _origins.Count > 16)
                _origins.Remove(origin.Router);
        }

        _withReplies.Clear();
    }

    private void SendReplies(Origin origin, IActorRef sender, LogPosition applied)
    {
        List<RoutedReply> replies = origin.Replies;
        int start = 0;
        long bytes = 0;
        for (int i = 0; i < replies.Count; i++)
        {
            int size = ActorReplSerializer.SizeOf(replies[i]);
            if (i > start && bytes + size > limits.BatchBytes)
            {
                Send(origin, start, i, sender, applied);
                start = i;
                bytes = 0;
            }

            bytes += size;
        }

        Send(origin, start, replies.Count, sender, applied);
        replies.Clear();
    }

    private void Send(Origin origin, int start, int end, IActorRef sender, LogPosition applied) => origin.Back.Tell(
        new ReplyBatch(group, shard, self, ReplicaDown: false, CollectionsMarshal.AsSpan(origin.Replies)[start..end].ToArray()) { Applied = applied }, sender);

    private void Answer(long id, ReadOnlyMemory<byte> result, Rejection? why)
    {
        if (!_pending.Remove(id, out Pending pending))
            return;
        Origin origin = pending.Origin;
        origin.Waiting--;
        if (origin.Replies.Count == 0)
            _withReplies.Add(origin);
        origin.Replies.Add(new RoutedReply(pending.RouterId, result, why));
    }

    private readonly record struct Pending(Origin Origin, long RouterId);

    /// <summary>A router that has sent requests.</summary>
    internal sealed class Origin(IActorRef router, ICanTell back)
    {
        public IActorRef Router => router;

        /// <summary>How it is answered.</summary>
        public ICanTell Back => back;

        public List<RoutedReply> Replies { get; } = [];
        public int Waiting { get; set; }
    }
}
