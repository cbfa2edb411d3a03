using System.Diagnostics;
using ActorRepl.Actors.Messages;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Status;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>GET /status, /health/live and /health/ready, as JSON.</summary>
internal sealed class StatusEndpoints(NodeService node, NodeLaunch launch)
{
    private readonly long _started = Stopwatch.GetTimestamp();

    public Task HandleAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
            return SayAsync(context, StatusCodes.Status405MethodNotAllowed, new HealthStatus("method not allowed", ["only GET"]));
        return context.Request.Path.Value switch
        {
            "/status" => StatusAsync(context),
            "/health/live" => SayAsync(context, StatusCodes.Status200OK, new HealthStatus("live", [])),
            "/health/ready" => ReadyAsync(context),
            _ => SayAsync(context, StatusCodes.Status404NotFound, new HealthStatus("not found", ["there are /kv, /watch, /crdt, /export, /openapi.json, /status, /health/live, /health/ready, /members, /nodes, /transfer, /verify, /repair, /metrics and /faults"])),
        };
    }

    private string Starting => node.Waiting is { Length: > 0 } waiting ? $"the node waits: {waiting}" : "the node is starting";

    private async Task StatusAsync(HttpContext context)
    {
        if (node.Runtime is null)
        {
            await SayAsync(context, StatusCodes.Status503ServiceUnavailable, new HealthStatus("starting", [Starting]));
            return;
        }

        IReadOnlyList<ReplicaReport> replicas = await node.Runtime.LocalReplicasAsync(context.RequestAborted);
        IReadOnlyList<string> missing = NodeService.Missing(replicas);
        var identity = new NodeIdentity(launch.Id, $"node-{launch.Id}", launch.Cluster, Environment.ProcessId, node.Directory, Engine.ProductVersion,
            (long)Stopwatch.GetElapsedTime(_started).TotalSeconds, launch.Ports.Redis, launch.Ports.Http, launch.Ports.Peers);
        IEnumerable<GroupStatus> groups = node.Runtime.Settings.Groups.Select(group => new GroupStatus(group.Name, group.Protocol.Name, group.Shards, group.Replicas,
            [.. replicas.Where(replica => replica.Group == group.Name).Select(Describe)])
        {
            KeyPlacement = group.KeyPlacement.Name(),
        });
        await context.AnswerAsync(
            new NodeStatus(identity, new EngineStatus(Engine.Name, Engine.Version), missing.Count == 0, missing, node.Members(), [.. groups])
            {
                Process = new ProcessStatus(Math.Round(Environment.CpuUsage.TotalTime.TotalSeconds, 3), Environment.WorkingSet),
            },
            StatusJson.Default.NodeStatus);
    }

    private async Task ReadyAsync(HttpContext context)
    {
        IReadOnlyList<string> missing = node.Runtime is null ? [Starting]
            : NodeService.Missing(await node.Runtime.LocalReplicasAsync(context.RequestAborted));
        await SayAsync(context, missing.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
            new HealthStatus(missing.Count == 0 ? "ready" : "not ready", missing));
    }

    private static FollowerStatus Describe(FollowerProgress follower) => new(
        follower.Id.Value, follower.InSync, follower.Sent, follower.Received, follower.Durable, follower.Applied, follower.LagEntries, follower.LagBytes,
        Math.Round(follower.LagMicros / 1000.0, 1), follower.MissedBeats, follower.CatchUpMicros is { } micros ? Math.Round(micros / 1e6, 1) : null)
    {
        Slow = follower.Slow,
    };

    private static ShardReplicaStatus Describe(ReplicaReport report)
    {
        string health = report.Health switch
        {
            ReplicaHealth.Running => "running",
            ReplicaHealth.StorageFull => "storage-full",
            ReplicaHealth.StorageFailed => "storage-failed",
            _ => "down",
        };
        return report.Status is not { } status
            ? new ShardReplicaStatus(report.Shard, "down", 0, 0, 0, 0, 0, 0, 0, false, health, report.Detail, 0, report.Starts, null)
            : new ShardReplicaStatus(report.Shard, status.Role.ToLowerInvariant(), status.Term, status.Repair is null && status.Spread is null ? status.Leader.Value : 0, status.LastIndex, status.CommitIndex,
                status.AppliedIndex, status.CheckpointIndex, status.Lag, status.Voter, health, report.Detail, report.StateBytes, report.Starts,
                status.Followers.Count == 0 ? null : status.Followers.ToDictionary(follower => $"{follower.Key.Value}", follower => follower.Value))
            {
                Members = MemberSet.Of(status.Members),
                Mode = status.Mode == ReplicaMode.None ? null : status.Mode.ToString().ToLowerInvariant(),
                ModeReason = status.ModeReason.Length == 0 ? null : status.ModeReason,
                Recovery = status.Recovery is { } recovery
                    ? new RecoveryStatus(recovery.PartsPerThousand / 10.0, recovery.LagEntries, recovery.EtaMicros is { } eta ? Math.Round(eta / 1e6, 1) : null)
                    : null,
                SyncSet = status.SyncSet.Count == 0 ? null : [.. status.SyncSet.Select(member => member.Value)],
                Chain = status.Links.Count == 0 ? null : [.. status.Links.Select(link => link.Value)],
                Progress = status.Progress.Count == 0 ? null : [.. status.Progress.Select(Describe)],
                Lags = LagStatus.Of(report.Lags),
                DegradedAcks = status.DegradedAcks,
                Ring = RingStatus.Of(status.Ring),
                Repair = RepairStatus.Of(status.Repair),
                Spread = SpreadStatus.Of(status.Spread),
            };
    }

    private static Task SayAsync(HttpContext context, int code, HealthStatus health) => context.AnswerAsync(health, StatusJson.Default.HealthStatus, code);
}
