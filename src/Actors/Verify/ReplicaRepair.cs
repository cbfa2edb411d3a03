using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using ReplicaReport = ActorRepl.Actors.Messages.ReplicaReport;

namespace ActorRepl.Actors.Verify;

/// <summary>What a repair that was ordered has done on one replica.</summary>
/// <param name="Node">Whose replica.</param>
/// <param name="Comparisons">Peers that it was compared with.</param>
/// <param name="KeysCompared">Keys under the trees of those comparisons.</param>
/// <param name="KeysExchanged">Keys that differed.</param>
/// <param name="Problem">Why it did not come to its end; null: it did.</param>
public sealed record RepairOutcome(ReplicaId Node, long Comparisons, long KeysCompared, long KeysExchanged, string? Problem);

/// <summary>Orders one replica of a group without a leader to compare itself with all its peers.</summary>
internal sealed class ReplicaRepair(NodeLocator locator)
{
    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(2);

    public async Task<RepairOutcome> RepairAsync(ReplicaId node, string group, int shard, TimeSpan patience, CancellationToken cancellation)
    {
        if (locator.DirectSupervisor(node, group, shard) is not { } supervisor)
            return new RepairOutcome(node, 0, 0, 0, "the node is not known");
        try
        {
            RepairProgress before = await ProgressAsync(supervisor, group, shard, cancellation).ConfigureAwait(false);
            var order = new RequestBatch(group, shard, 1, [new RoutedRequest(1, RequestKind.Repair, (int)Math.Min(int.MaxValue, patience.TotalMilliseconds), default)]);
            ReplyBatch reply = await supervisor.Ask<ReplyBatch>(order, patience, cancellation).ConfigureAwait(false);
            RepairProgress after = await ProgressAsync(supervisor, group, shard, cancellation).ConfigureAwait(false);
            string? problem = reply.Replies is [{ Rejection: { } why }, ..] ? Explain.Rejection(why) : null;
            return new RepairOutcome(node, after.Comparisons - before.Comparisons, after.KeysCompared - before.KeysCompared, after.KeysExchanged - before.KeysExchanged, problem);
        }
        catch (AskTimeoutException)
        {
            return new RepairOutcome(node, 0, 0, 0, await UnfinishedAsync(supervisor, group, shard, patience, cancellation).ConfigureAwait(false));
        }
        catch (ReplicationException refused)
        {
            return new RepairOutcome(node, 0, 0, 0, refused.Message);
        }
    }

    /// <summary>What it was doing when patience ended.</summary>
    private static async Task<string> UnfinishedAsync(ICanTell supervisor, string group, int shard, TimeSpan patience, CancellationToken cancellation)
    {
        try
        {
            RepairProgress now = await ProgressAsync(supervisor, group, shard, cancellation).ConfigureAwait(false);
            string with = now.Running.IsNone ? "" : $", the one with {now.Running} under way";
            return $"not done within {patience.TotalSeconds:0.#} s: comparisons left: {now.PeersLeft}{with}";
        }
        catch (Exception silent) when (silent is AskTimeoutException or ReplicationException)
        {
            return $"no answer within {patience.TotalSeconds:0.#} s";
        }
    }

    private static async Task<RepairProgress> ProgressAsync(ICanTell supervisor, string group, int shard, CancellationToken cancellation)
    {
        ReplicaReport report = await supervisor.Ask<ReplicaReport>(new GetReplicaStatus(group, shard), StatusTimeout, cancellation).ConfigureAwait(false);
        return report.Status?.Repair ?? throw ReplicationException.Of(new Rejection(RejectReason.Unavailable, Detail: report.Detail ?? "the replica is not running"));
    }
}
