using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using Akka.Actor;
using ReplicaReport = ActorRepl.Actors.Messages.ReplicaReport;

namespace ActorRepl.Actors.Verify;

/// <summary>
/// Compares the whole states of a shard's replicas while it works on: each is told to wait for a mark, the mark goes through the log as
/// a command that changes nothing, and each adds its state up as it stood just after it. For any protocol whose replicas apply one log.
/// </summary>
internal sealed class ShardVerifier(ReplicationSettings settings, NodeLocator locator, ReplicationClient client)
{
    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <exception cref="ReplicationException">There is no such group or shard.</exception>
    public async Task<ShardVerification> VerifyAsync(string group, int shard, TimeSpan patience, CancellationToken cancellation)
    {
        GroupDefinition known = settings.Groups.FirstOrDefault(one => one.Name == group && group != ControlGroup.Own)
            ?? throw Invalid($"there is no group '{group}'; there are {string.Join(", ", client.Groups.Select(one => one.Name))}");
        if (shard < 0 || shard >= known.Shards)
            throw Invalid($"group '{group}' has shards 0 to {known.Shards - 1}, not {shard}");
        long until = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        ReplicaReport[] reports = await ReportsAsync(group, shard, cancellation).ConfigureAwait(false);
        while (LeaderOf(reports) is null && Environment.TickCount64 < until)
        {
            await Task.Delay(Look, cancellation).ConfigureAwait(false);
            reports = await ReportsAsync(group, shard, cancellation).ConfigureAwait(false);
        }

        if (LeaderOf(reports) is not { } leader)
            return new ShardVerification(group, shard, default, ReplicaId.None, [], "no replica says that it leads the shard");

        Membership? members = leader.Status!.Members;
        ReplicaId[] asked = members is null
            ? [.. reports.Where(report => report.Status is not null).Select(report => report.Node)]
            : [.. members.Members.Where(id => !members.Witnesses.Contains(id))];
        if (known.Protocol.IsLeaderless && leader.Status.Repair is null)
            return await CompareNowAsync(group, shard, leader, asked, until, cancellation).ConfigureAwait(false);
        return known.Protocol.IsLeaderless
            ? await RepairAllAsync(group, shard, leader, asked, patience, cancellation).ConfigureAwait(false)
            : await CompareAsync(group, shard, leader.Node, asked, patience, cancellation).ConfigureAwait(false);
    }

    // Without a common log there is no moment to compare whole states at: each replica compares its hash trees with those of its peers, and what differs is exchanged.
    private async Task<ShardVerification> RepairAllAsync(
        string group, int shard, ReplicaReport speaker, ReplicaId[] asked, TimeSpan patience, CancellationToken cancellation)
    {
        var repair = new ReplicaRepair(locator);
        var found = new List<ReplicaVerification>();
        foreach (ReplicaId node in asked)
        {
            RepairOutcome outcome = await repair.RepairAsync(node, group, shard, patience, cancellation).ConfigureAwait(false);
            StateChecksum? sum = outcome.Problem is not null ? null
                : outcome.KeysExchanged == 0 ? default(StateChecksum) : default(StateChecksum).Add(BitConverter.GetBytes(node.Value), BitConverter.GetBytes(outcome.KeysExchanged), []);
            found.Add(new ReplicaVerification(node, sum, outcome.Problem ?? (outcome.KeysExchanged == 0 ? null : $"{outcome.KeysExchanged} keys differed from its peers' and were exchanged")));
        }

        // Each is added up as it is just then: on a group that is being written to they differ by what is on its way.
        var mark = Guid.NewGuid();
        ShardChecksum[] armed = await AskAllAsync(asked, group, shard, mark, new ArmChecksum(group, shard, mark, (int)Math.Min(int.MaxValue, patience.TotalMilliseconds)), StatusTimeout, cancellation).ConfigureAwait(false);
        ReplicaId[] waiting = [.. armed.Where(answer => answer.Problem is null).Select(answer => answer.Node)];
        ShardChecksum[] taken = await AskAllAsync(waiting, group, shard, mark, new GetChecksum(group, shard, mark), patience, cancellation).ConfigureAwait(false);
        return new ShardVerification(
            group, shard, new LogPosition(speaker.Status!.Term, speaker.Status.CommitIndex), ReplicaId.None,
            [.. found.Select(one => one with { Own = taken.FirstOrDefault(answer => answer.Node == one.Node)?.Sum })], null);
    }

    // Nor is there one here, but all come to the same while nobody changes anything: they are compared again until they do, or patience ends.
    private async Task<ShardVerification> CompareNowAsync(string group, int shard, ReplicaReport speaker, ReplicaId[] asked, long until, CancellationToken cancellation)
    {
        while (true)
        {
            var mark = Guid.NewGuid();
            TimeSpan left = TimeSpan.FromMilliseconds(Math.Max(1_000, until - Environment.TickCount64));
            ShardChecksum[] armed = await AskAllAsync(asked, group, shard, mark, new ArmChecksum(group, shard, mark, (int)left.TotalMilliseconds), StatusTimeout, cancellation).ConfigureAwait(false);
            ReplicaId[] waiting = [.. armed.Where(answer => answer.Problem is null).Select(answer => answer.Node)];
            ShardChecksum[] taken = await AskAllAsync(waiting, group, shard, mark, new GetChecksum(group, shard, mark), left, cancellation).ConfigureAwait(false);
            var found = new ShardVerification(
                group, shard, new LogPosition(speaker.Status!.Term, speaker.Status.CommitIndex), ReplicaId.None,
                [.. taken.Concat(armed.Where(answer => answer.Problem is not null)).OrderBy(one => one.Node).Select(one => new ReplicaVerification(one.Node, one.Sum, one.Problem))], null);
            if (found.IsEqual || Environment.TickCount64 >= until)
                return found;
            await Task.Delay(Look, cancellation).ConfigureAwait(false);
        }
    }

    private static ReplicaReport? LeaderOf(ReplicaReport[] reports) =>
        reports.Where(report => report.Status is { } status && status.Leader == report.Node).MaxBy(report => report.Status!.Term);

    private async Task<ShardVerification> CompareAsync(
        string group, int shard, ReplicaId leader, ReplicaId[] asked, TimeSpan patience, CancellationToken cancellation)
    {
        var mark = Guid.NewGuid();
        ShardChecksum[] armed = await AskAllAsync(
            asked, group, shard, mark, new ArmChecksum(group, shard, mark, (int)Math.Min(int.MaxValue, 2 * patience.TotalMilliseconds)), StatusTimeout, cancellation).ConfigureAwait(false);
        string? problem = null;
        try
        {
            var options = new RequestOptions { Timeout = patience };
            await client.Call(group, shard, RequestKind.Command, CommandEnvelope.Mark(mark), options, cancellation).ConfigureAwait(false);
        }
        catch (ReplicationException refused)
        {
            problem = $"the mark was not committed: {refused.Message}";
        }

        ReplicaId[] waiting = [.. armed.Where(answer => answer.Problem is null).Select(answer => answer.Node)];
        ShardChecksum[] taken = problem is null
            ? await AskAllAsync(waiting, group, shard, mark, new GetChecksum(group, shard, mark), patience, cancellation).ConfigureAwait(false)
            : [];
        IEnumerable<ShardChecksum> all = taken.Concat(armed.Where(answer => answer.Problem is not null));
        return new ShardVerification(
            group, shard, taken.FirstOrDefault(one => one.Sum is not null)?.At ?? default, leader,
            [.. all.OrderBy(one => one.Node).Select(one => new ReplicaVerification(one.Node, one.Sum, one.Problem))], problem);
    }

    private async Task<ShardChecksum[]> AskAllAsync(
        ReplicaId[] nodes, string group, int shard, Guid mark, object question, TimeSpan patience, CancellationToken cancellation) =>
        await Task.WhenAll(nodes.Select(async node =>
        {
            var silent = new ShardChecksum(group, shard, node, mark, default);
            if (locator.DirectSupervisor(node, group, shard) is not { } supervisor)
                return silent with { Problem = "the node is not known" };
            try
            {
                return await supervisor.Ask<ShardChecksum>(question, patience, cancellation).ConfigureAwait(false);
            }
            catch (AskTimeoutException)
            {
                return silent with { Problem = $"no answer within {patience.TotalSeconds:0.#} s" };
            }
        })).ConfigureAwait(false);

    private async Task<ReplicaReport[]> ReportsAsync(string group, int shard, CancellationToken cancellation)
    {
        ReplicaReport?[] reports = await Task.WhenAll(locator.Nodes.Nodes.Select(async node =>
        {
            try
            {
                return locator.DirectSupervisor(node.Id, group, shard) is { } supervisor
                    ? await supervisor.Ask<ReplicaReport>(new GetReplicaStatus(group, shard), StatusTimeout, cancellation).ConfigureAwait(false)
                    : null;
            }
            catch (AskTimeoutException)
            {
                return null;
            }
        })).ConfigureAwait(false);
        return [.. reports.OfType<ReplicaReport>()];
    }

    private static ReplicationException Invalid(string why) => ReplicationException.Of(new Rejection(RejectReason.Invalid, Detail: why), why);
}
