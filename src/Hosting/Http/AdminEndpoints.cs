using ActorRepl.Actors.Client;
using ActorRepl.Actors.Control;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Status;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>
/// GET /members and /nodes; POST to both and to /transfer, with what is asked in the query. 200 when it is done or ordered, 409
/// with the reason when it is refused, 503 when nobody can say.
/// </summary>
internal sealed class AdminEndpoints(NodeService node)
{
    public static bool Handles(PathString path) => path.Value is "/members" or "/nodes" or "/transfer";

    public Task HandleAsync(HttpContext context) => ShardOrder.AnswerAsync(context, () =>
        RouteAsync(context, node.Runtime?.Admin ?? throw ReplicationException.Of(new Rejection(RejectReason.Unavailable), "the node is starting")));

    private static Task RouteAsync(HttpContext context, ClusterAdmin admin)
    {
        bool posts = HttpMethods.IsPost(context.Request.Method);
        if (posts && context.IsFromWebPage())
            return context.RefuseAsync(StatusCodes.Status403Forbidden, "orders are not taken from web pages");
        return (context.Request.Path.Value, posts) switch
        {
            ("/members", true) => OrderAsync(context, admin),
            ("/transfer", true) => TransferAsync(context, admin),
            ("/members", false) => MembersAsync(context, admin),
            ("/nodes", false) => NodesAsync(context, admin),
            ("/nodes", true) => OrderNodeAsync(context, admin),
            _ => context.RefuseAsync(StatusCodes.Status405MethodNotAllowed, "/members and /nodes take GET and POST, /transfer POST"),
        };
    }

    private static async Task MembersAsync(HttpContext context, ClusterAdmin admin)
    {
        string group = context.Request.Query.Required("group");
        ControlState state = await admin.StateAsync(context.RequestAborted).ConfigureAwait(false);
        IReadOnlyList<ShardMembers> shards = await admin.MembersAsync(state, group, context.RequestAborted).ConfigureAwait(false);
        await context.AnswerAsync(new MembersReport(group, [.. shards.Select(Describe)]), StatusJson.Default.MembersReport).ConfigureAwait(false);
    }

    private static async Task NodesAsync(HttpContext context, ClusterAdmin admin)
    {
        ControlState state = await admin.StateAsync(context.RequestAborted).ConfigureAwait(false);
        IReadOnlyList<ShardMembers>[] groups = await Task.WhenAll(
            state.Groups.Keys.Where(group => group != ControlGroup.Own).Select(group => admin.MembersAsync(state, group, context.RequestAborted))).ConfigureAwait(false);
        ShardMembers[] shards = [.. groups.SelectMany(group => group)];
        ShardMembers control = (await admin.MembersAsync(state, ControlGroup.Own, context.RequestAborted).ConfigureAwait(false))[0];
        IEnumerable<NodeEntry> nodes = state.Nodes.Values.Select(known => new NodeEntry(
            known.Id.Value, known.Name, known.Address, known.Region, known.Rack, known.Status.ToString().ToLowerInvariant(),
            PartIn(control, known.Id),
            shards.Count(shard => shard.Wanted?.Members.Contains(known.Id) == true), shards.Count(shard => shard.Leader == known.Id),
            shards.Count(shard => shard.Actual?.Members.Contains(known.Id) == true || shard.Status?.LeavingVoters.Contains(known.Id) == true)));
        await context.AnswerAsync(new NodesReport([.. nodes]), StatusJson.Default.NodesReport).ConfigureAwait(false);
    }

    // By what is in force: a voter that is only wanted bears no loss of another.
    private static string PartIn(ShardMembers control, ReplicaId node)
    {
        if (control.Actual is not { } actual)
            return "unknown";
        MemberRole? wanted = (control.Wanted ?? actual).RoleOf(node), role = actual.RoleOf(node);
        if (wanted is null)
            return role is null && control.Status?.LeavingVoters.Contains(node) != true ? "none" : "leaving";
        return role is null || wanted == MemberRole.Voter && role != wanted ? "joining" : role.Value.ToString().ToLowerInvariant();
    }

    private static async Task OrderAsync(HttpContext context, ClusterAdmin admin)
    {
        IQueryCollection query = context.Request.Query;
        string group = query.Required("group");
        int? shard = query.Number("shard");
        ReplicaId target = new(query.RequiredNumber("node"));
        MemberRole role = query.Text("role") switch
        {
            null or "voter" => MemberRole.Voter,
            "learner" => MemberRole.Learner,
            "witness" => MemberRole.Witness,
            var other => throw new UserErrorException($"role is '{other}'; it must be voter, learner or witness"),
        };
        Func<ControlState, MemberPlan> plan = query.Text("do") switch
        {
            "add" => state => MemberRequests.Add(state, group, target, role, shard),
            "remove" => state => MemberRequests.Remove(state, group, target, shard, query.Text("fewer") == "true"),
            "promote" => state => MemberRequests.Promote(state, group, target, shard),
            "replace" => state => MemberRequests.Replace(state, group, target, new ReplicaId(query.RequiredNumber("by")), shard),
            var other => throw new UserErrorException($"do is '{other}'; it must be add, remove, promote or replace"),
        };
        int shards = await admin.OrderAsync(plan, context.RequestAborted).ConfigureAwait(false);
        await context.AnswerAsync(new OrderTaken(shards), StatusJson.Default.OrderTaken).ConfigureAwait(false);
    }

    private static async Task OrderNodeAsync(HttpContext context, ClusterAdmin admin)
    {
        IQueryCollection query = context.Request.Query;
        var target = new ReplicaId(query.RequiredNumber("node"));
        Func<ControlState, NodeOrder> plan = query.Text("do") switch
        {
            "drain" => state => NodeRequests.Drain(state, target),
            "keep" => state => NodeRequests.Keep(state, target),
            "remove" => state => NodeRequests.Remove(state, target),
            var other => throw new UserErrorException($"do is '{other}'; it must be drain, keep or remove"),
        };
        int shards = await admin.OrderAsync(plan, context.RequestAborted).ConfigureAwait(false);
        await context.AnswerAsync(new OrderTaken(shards), StatusJson.Default.OrderTaken).ConfigureAwait(false);
    }

    private static async Task TransferAsync(HttpContext context, ClusterAdmin admin)
    {
        IQueryCollection query = context.Request.Query;
        string group = query.Required("group");
        int shard = query.RequiredNumber("shard");
        if (query.Text("force") == "true")
            await admin.TakeOverAsync(group, shard, new ReplicaId(query.RequiredNumber("node")), context.RequestAborted).ConfigureAwait(false);
        else
            await admin.TransferAsync(group, shard, new ReplicaId(query.Number("node") ?? 0), context.RequestAborted).ConfigureAwait(false);
        await context.AnswerAsync(new OrderTaken(1), StatusJson.Default.OrderTaken).ConfigureAwait(false);
    }

    private static ShardMembersStatus Describe(ShardMembers shard) => new(
        shard.Shard, MemberSet.Of(shard.Wanted), MemberSet.Of(shard.Actual), MemberSet.Numbers(shard.Status?.LeavingVoters ?? []), shard.Leader.Value,
        shard.Status?.Term ?? 0, shard.Status?.CommitIndex ?? 0, shard.IsSettled,
        (shard.Wanted?.Members ?? []).Where(id => shard.Missing(id) is not null).ToDictionary(id => $"{id.Value}", id => shard.Missing(id)!.Value));
}
