using System.Collections.Concurrent;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Replica;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Control;

/// <summary>
/// Views between the control group and the replicas of this node: tells each replica which view is in force for its shard, when
/// it starts and whenever that changes, and has the ones it proposes installed. Thread-safe.
/// </summary>
internal sealed class ShardViews
{
    /// <summary>How long one proposal is carried to the control group; who proposed it may then do so again.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // A group without a leader says so at once: looking for the next one must not become a busy loop.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    // Each proposal is an entry of the control group's log: one that was refused for want of its group waits until this node knows of it, or so long.
    private static readonly TimeSpan NotYet = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly ControlFeed _feed;
    private readonly ControlClient _group;
    private readonly ConcurrentDictionary<ShardKey, IActorRef> _replicas = [];
    private ControlState _told;

    public ShardViews(ControlFeed feed, ControlClient group)
    {
        _feed = feed;
        _group = group;
        _told = feed.State;
        // On the thread of the control group's replica, so one after the other; nothing is between this and the mailboxes.
        feed.Changed += TellChanges;
    }

    /// <summary>From now on the replica is told, what is in force already first. It may be told the same twice, and an old view late.</summary>
    public void Follow(ShardKey shard, IActorRef replica)
    {
        _replicas[shard] = replica;
        Tell(shard, replica, _feed.State);
    }

    public void Leave(ShardKey shard, IActorRef replica) => _replicas.TryRemove(KeyValuePair.Create(shard, replica));

    /// <summary>
    /// Has a view installed in the epoch after <paramref name="expectedEpoch"/>; completes with whatever is in force then, or with
    /// why nobody can tell. Never fails.
    /// </summary>
    public async Task<ProposalOutcome> ProposeAsync(ShardKey shard, long expectedEpoch, ReadOnlyMemory<byte> view)
    {
        var command = new ControlCommand.InstallView(shard, expectedEpoch, view);
        long deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (true)
        {
            try
            {
                await _group.SubmitAsync(command, Until(deadline)).ConfigureAwait(false);
                return new ProposalOutcome(new ViewInForce(expectedEpoch + 1, view), null);
            }
            catch (ControlClient.ControlRefusal refusal) when (refusal.Why == ControlRefusal.NotFound && Environment.TickCount64 < deadline)
            {
                // A cluster that has just been founded registers its groups in its first seconds.
                await UntilKnownAsync(shard.Group, deadline).ConfigureAwait(false);
            }
            catch (ControlClient.ControlRefusal refusal)
            {
                return await RefusedAsync(shard, expectedEpoch, refusal, deadline).ConfigureAwait(false);
            }
            catch (ReplicationException problem) when (Environment.TickCount64 >= deadline)
            {
                return new ProposalOutcome(null, problem.Message);
            }
            catch (ReplicationException)
            {
                // It may have been taken; the same once more changes nothing then.
                await Task.Delay(Pause).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Which view is in force, as of a moment between call and return. Never fails.</summary>
    public async Task<ViewAnswer> AskAsync(ShardKey shard)
    {
        try
        {
            return await _group.ShardAsync(shard, new RequestOptions { Timeout = Patience }).ConfigureAwait(false) is { } there
                ? new ViewAnswer(new ViewInForce(there.Epoch, there.View), null)
                : new ViewAnswer(null, $"there is no group '{shard.Group}'");
        }
        catch (ReplicationException problem)
        {
            return new ViewAnswer(null, problem.Message);
        }
    }

    private async Task UntilKnownAsync(string group, long deadline)
    {
        long until = Math.Min(deadline, Environment.TickCount64 + (long)NotYet.TotalMilliseconds);
        do
            await Task.Delay(Look).ConfigureAwait(false);
        while (!_feed.State.Groups.ContainsKey(group) && Environment.TickCount64 < until);
    }

    // Whoever was first has the epoch. This node often knows of it already; if not, the group is asked.
    private async Task<ProposalOutcome> RefusedAsync(ShardKey shard, long expectedEpoch, ControlClient.ControlRefusal refusal, long deadline)
    {
        if (_feed.State.Shard(shard) is { } here && here.Epoch > expectedEpoch)
            return new ProposalOutcome(new ViewInForce(here.Epoch, here.View), null);
        if (refusal.Why != ControlRefusal.Conflict)
            return new ProposalOutcome(null, refusal.Message);
        try
        {
            return await _group.ShardAsync(shard, Until(deadline)).ConfigureAwait(false) is { } there
                ? new ProposalOutcome(new ViewInForce(there.Epoch, there.View), null)
                : new ProposalOutcome(null, refusal.Message);
        }
        catch (ReplicationException problem)
        {
            return new ProposalOutcome(null, problem.Message);
        }
    }

    private static RequestOptions Until(long deadline) =>
        new() { Timeout = TimeSpan.FromMilliseconds(Math.Max(1, deadline - Environment.TickCount64)) };

    private void TellChanges()
    {
        ControlState before = _told;
        ControlState state = _told = _feed.State;
        foreach ((ShardKey shard, IActorRef replica) in _replicas)
        {
            if (state.Shard(shard)?.Epoch != before.Shard(shard)?.Epoch)
                Tell(shard, replica, state);
        }
    }

    private static void Tell(ShardKey shard, IActorRef replica, ControlState state)
    {
        if (state.Shard(shard) is { Epoch: > 0 } known)
            replica.Tell(new ViewInForce(known.Epoch, known.View), ActorRefs.NoSender);
    }
}
