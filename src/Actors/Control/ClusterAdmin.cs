using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using Akka.Actor;
using ReplicaReport = ActorRepl.Actors.Messages.ReplicaReport;

namespace ActorRepl.Actors.Control;

/// <summary>
/// What operators ask of a cluster. A change of members is an order to the control group, which has it carried out; so it
/// is not lost with whoever gave it, and nothing changes while that group is down. Thread-safe.
/// </summary>
public sealed class ClusterAdmin
{
    // Commands that meet another controller's are worked out anew.
    private const int Attempts = 5;

    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TakeOverTimeout = TimeSpan.FromSeconds(10);

    private readonly ReplicationSettings _settings;
    private readonly NodeLocator _locator;
    private readonly ReplicationClient _client;
    private readonly ControlClient _group;

    internal ClusterAdmin(ReplicationSettings settings, NodeLocator locator, ReplicationClient client)
    {
        _settings = settings;
        _locator = locator;
        _client = client;
        _group = new ControlClient(client);
    }

    /// <summary>All nodes, groups and orders, as of a moment between call and return.</summary>
    /// <exception cref="ReplicationException">The control group did not answer.</exception>
    public Task<ControlState> StateAsync(CancellationToken cancellation = default) => _group.StateAsync(null, cancellation);

    /// <summary>Who is to hold the shards of a group, and who does.</summary>
    public async Task<IReadOnlyList<ShardMembers>> MembersAsync(ControlState state, string group, CancellationToken cancellation = default)
    {
        GroupDefinition known = Known(group);
        return await Task.WhenAll(Enumerable.Range(0, known.Shards).Select(shard => MembersAsync(state, known, shard, cancellation))).ConfigureAwait(false);
    }

    /// <summary>Gives the orders that follow from the state; returns how many shards they concern.</summary>
    /// <param name="plan">One of <see cref="MemberRequests"/>.</param>
    /// <exception cref="ReplicationException">It is refused, with the reason; or the control group did not answer.</exception>
    public Task<int> OrderAsync(Func<ControlState, MemberPlan> plan, CancellationToken cancellation = default) =>
        GiveAsync(
            state =>
            {
                MemberPlan orders = plan(state);
                return (orders.Commands, orders.Refusal);
            },
            cancellation);

    /// <summary>Gives the order that follows from the state; returns 1, or 0 if all is so already.</summary>
    /// <param name="plan">One of <see cref="NodeRequests"/>.</param>
    /// <exception cref="ReplicationException">It is refused, with the reason; or the control group did not answer.</exception>
    public Task<int> OrderAsync(Func<ControlState, NodeOrder> plan, CancellationToken cancellation = default) =>
        GiveAsync(
            state =>
            {
                NodeOrder order = plan(state);
                return (order.Command is { } command ? [command] : [], order.Refusal);
            },
            cancellation);

    private async Task<int> GiveAsync(Func<ControlState, (IReadOnlyList<ControlCommand> Commands, string? Refusal)> plan, CancellationToken cancellation)
    {
        int concerned = 0;
        for (int attempt = 1; ; attempt++)
        {
            (IReadOnlyList<ControlCommand> orders, string? refusal) = plan(await StateAsync(cancellation).ConfigureAwait(false));
            if (refusal is not null)
                throw ReplicationException.Of(new Rejection(RejectReason.Invalid, Detail: refusal), refusal);
            try
            {
                foreach (ControlCommand order in orders)
                {
                    await _group.SubmitAsync(order, null, cancellation).ConfigureAwait(false);
                    concerned++;
                }

                return concerned;
            }
            catch (ControlClient.ControlRefusal conflict) when (conflict.Why == ControlRefusal.Conflict && attempt < Attempts)
            {
                // Somebody else changed the shard's members since: look again.
            }
        }
    }

    /// <summary>Has these members take the place of the ones there are; completes once they are in force.</summary>
    public async Task ChangeMembersAsync(string group, int shard, Membership members, TimeSpan patience, CancellationToken cancellation = default)
    {
        var key = new ShardKey(group, shard);
        await OrderAsync(
            state => state.Shard(key) is { } known
                ? new MemberPlan([new ControlCommand.SetMembers(key, known.MembersVersion, members)])
                : throw ReplicationException.Of(new Rejection(RejectReason.Invalid), $"the control group knows no {key}"),
            cancellation).ConfigureAwait(false);
        long deadline = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        while (true)
        {
            ShardMembers now = await MembersAsync(group, shard, cancellation).ConfigureAwait(false);
            if (now.IsSettled && members.Equals(now.Actual))
                return;
            if (Environment.TickCount64 > deadline)
                throw ReplicationException.Of(
                    new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true), $"{key} is still held by {now.Actual?.ToString() ?? "nobody known"} and not by {members}; the order stands");
            await Task.Delay(100, cancellation).ConfigureAwait(false);
        }
    }

    public async Task<ShardMembers> MembersAsync(string group, int shard, CancellationToken cancellation = default) =>
        await MembersAsync(await StateAsync(cancellation).ConfigureAwait(false), Known(group, shard), shard, cancellation).ConfigureAwait(false);

    /// <summary>
    /// Has a voter take over the leadership of a shard, and keep it as long as it can; none: whoever is best, for now.
    /// </summary>
    /// <exception cref="ReplicationException">It is refused, or cannot be done now.</exception>
    public async Task TransferAsync(string group, int shard, ReplicaId to, CancellationToken cancellation = default)
    {
        CheckIsLed(group);
        await _group.SubmitAsync(new ControlCommand.SetPreferredLeader(new ShardKey(group, shard), to), null, cancellation).ConfigureAwait(false);
        await _client.GiveLeadershipAsync(group, shard, to, null, cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// Has a replica lead a shard with what it has, though nobody can know whether that is everything: what was acknowledged and is not in its
    /// log is lost. For when so many are gone for good that none may take over by itself. Only of protocols whose replicas take such an order.
    /// </summary>
    /// <exception cref="ReplicationException">It is refused, or cannot be done now.</exception>
    public async Task TakeOverAsync(string group, int shard, ReplicaId by, CancellationToken cancellation = default)
    {
        Known(group, shard);
        CheckIsLed(group);
        try
        {
            await StateAsync(cancellation).ConfigureAwait(false);
        }
        catch (ReplicationException silent)
        {
            throw ReplicationException.Of(silent.Rejection, $"the control group does not answer, which has to install the view: most of its voters must run ({silent.Message})");
        }

        if (_locator.DirectSupervisor(by, group, shard) is not { } replica)
            throw Refused(new Rejection(RejectReason.Invalid, Detail: $"there is no node {by.Value}"));
        var request = new RoutedRequest(1, RequestKind.Transfer, (int)TakeOverTimeout.TotalMilliseconds, TransferOrder.Forced(by));
        try
        {
            object answer = await replica.Ask<object>(new RequestBatch(group, shard, 1, [request]), TakeOverTimeout + StatusTimeout, cancellation).ConfigureAwait(false);
            Rejection? why = answer is ReplyBatch { Replies: [var reply] } ? reply.Rejection : new Rejection(RejectReason.Unavailable, OutcomeUnknown: true, Detail: $"the replica on {by} stopped");
            if (why is { } refusal)
                throw Refused(refusal);
        }
        catch (AskTimeoutException)
        {
            throw Refused(new Rejection(RejectReason.Unavailable, OutcomeUnknown: true, Detail: $"{by} does not answer"));
        }
    }

    private void CheckIsLed(string group)
    {
        if (_settings.Groups.FirstOrDefault(one => one.Name == group) is { Protocol.IsLeaderless: true } known)
            throw Refused(new Rejection(RejectReason.Invalid, Detail: $"group '{group}' replicates by {known.Protocol.Name}, which has no leader: there is no leadership to give away"));
    }

    private static ReplicationException Refused(in Rejection why) => ReplicationException.Of(why);

    private GroupDefinition Known(string group, int shard)
    {
        GroupDefinition known = Known(group);
        return shard >= 0 && shard < known.Shards ? known
            : throw ReplicationException.Of(new Rejection(RejectReason.Invalid), $"group '{group}' has shards 0 to {known.Shards - 1}; there is no {shard}");
    }

    private GroupDefinition Known(string group) => _settings.Groups.FirstOrDefault(one => one.Name == group)
        ?? throw ReplicationException.Of(new Rejection(RejectReason.Invalid), $"there is no group '{group}'; there are {Names(_settings.Groups)}");

    private async Task<ShardMembers> MembersAsync(ControlState state, GroupDefinition group, int shard, CancellationToken cancellation)
    {
        Membership? wanted = state.Shard(new ShardKey(group.Name, shard))?.Members;
        // Those who leave may lead until they have.
        ReplicaId[] asked = [.. wanted?.Members ?? _settings.FirstReplicasOf(group, shard)];
        ReplicaReport? leader = await LeaderAsync(group.Name, shard, asked, cancellation).ConfigureAwait(false)
            ?? await LeaderAsync(group.Name, shard, [.. _locator.Nodes.Nodes.Select(node => node.Id).Except(asked)], cancellation).ConfigureAwait(false);
        // Where none leads, each speaks for itself, and any will do.
        return new ShardMembers(group.Name, shard, wanted, group.Protocol.IsLeaderless ? ReplicaId.None : leader?.Node ?? ReplicaId.None, leader?.Status);
    }

    private async Task<ReplicaReport?> LeaderAsync(string group, int shard, ReplicaId[] asked, CancellationToken cancellation)
    {
        ReplicaReport?[] reports = await Task.WhenAll(asked.Select(node => ReportAsync(node, group, shard, cancellation))).ConfigureAwait(false);
        return reports.Where(report => report is { Status: { } status } && status.Leader == report.Node).MaxBy(report => report!.Status!.Term);
    }

    private async Task<ReplicaReport?> ReportAsync(ReplicaId node, string group, int shard, CancellationToken cancellation)
    {
        if (_locator.DirectSupervisor(node, group, shard) is not { } supervisor)
            return null;
        try
        {
            return await supervisor.Ask<ReplicaReport>(new GetReplicaStatus(group, shard), StatusTimeout, cancellation).ConfigureAwait(false);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
    }

    private static string Names(IEnumerable<GroupDefinition> groups) =>
        string.Join(", ", groups.Where(group => group.Name != ControlGroup.Own).Select(group => group.Name).Order(StringComparer.Ordinal));
}
