using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Supervision;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Event;

namespace ActorRepl.Actors.Replica;

/// <summary>What the driver asks of the world, storage apart.</summary>
internal sealed partial class ReplicaActor
{
    // Of this turn.
    private PeerEnvelope? _lastSent;

    public void Send(ReplicaId to, PeerChannel channel, PeerMessage message)
    {
        if (_atABeat && message.IsBeat)
        {
            _context.Locator.OwnMultiplexer.Tell(new ReplicaBeat(to, _context.Key, message), ActorRefs.NoSender);
            return;
        }

        // The leader's step has one message for all followers that are in step with it.
        PeerEnvelope envelope = _lastSent is { } last && last.Carries(channel, message)
            ? last
            : _lastSent = new PeerEnvelope(_context.Group.Name, _context.Shard, _context.Self, channel, message);
        Invariant.That(
            ActorReplSerializer.SizeOf(envelope) <= _context.Settings.Limits.MaxMessageBytes,
            "a message between replicas fits into a frame (actorrepl.max-frame-bytes)");
        // Lost, if nobody knows yet where that node is.
        FindPeer(to)?.Tell(envelope, ActorRefs.NoSender);
    }

    /// <summary>Where a replica on another node is written to; null: the node is not known. Who is a member the protocol decides.</summary>
    private ICanTell? FindPeer(ReplicaId peer)
    {
        if (_peers.TryGetValue(peer, out ICanTell? known))
            return known;
        if (_context.Locator.Supervisor(peer, _context.Group.Name, _context.Shard) is not { } found)
            return null;
        _peers.Add(peer, found);
        return found;
    }

    public void Arm(TimerId timer, long generation, long delayMicros)
    {
        long now = ReplicaClock.Monotonic;
        _timers.Arm(timer, generation, now + delayMicros, now);
    }

    public void CancelTimer(TimerId timer) => _timers.Cancel(timer);

    public void Reply(long requestId, ReadOnlyMemory<byte> result) => _requests.Reply(requestId, result);

    public void Reject(long requestId, Rejection why) => _requests.Reject(requestId, why);

    public void SetAside(IReadOnlyList<EntryBatch> lost, string why)
    {
        var entries = new LostEntries(_context.Group.Name, _context.Shard, _context.Self, Now.Wall, why, lost);
        string where;
        try
        {
            where = _context.Settings.Lost.Keep(entries);
        }
        catch (IOException problem)
        {
            // What is not kept must not leave the log: the replica stops, and starts again from the log as it is.
            _supervisor.Tell(new ReplicaFailed(Storage: true, $"entries that are lost could not be kept: {problem.Message}"), _self);
            throw;
        }

        ReplicaMeter.Lost.Add(entries.Count);
        Report($"{entries.Count} entries, {entries.FirstIndex} to {entries.LastIndex} of epoch {entries.FirstTerm}, are lost: {why}. They are kept in {where}");
    }

    public void Report(string what)
    {
        _log.Info("{0}: {1}", _context, what);
        _events.Publish(new ReplicaEvent(_context.Group.Name, _context.Shard, _context.Self, what));
    }
}
