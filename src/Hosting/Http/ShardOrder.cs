using ActorRepl.Actors;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Node;
using ActorRepl.Protocols.Kernel;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>What an operator orders of one shard: POST, with <c>group</c>, <c>shard</c> and a <c>timeout</c> in seconds in the query.</summary>
internal static class ShardOrder
{
    /// <summary>Carries an order out, or says what is wrong with it.</summary>
    /// <param name="context">The request.</param>
    /// <param name="node">This one.</param>
    /// <param name="seconds">The timeout unless the order says, and the most it may say.</param>
    /// <param name="serve">Does what is ordered, and answers.</param>
    public static async Task ServeAsync(HttpContext context, NodeService node, (int Default, int Most) seconds, Func<ReplicationRuntime, string, int, TimeSpan, Task> serve)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
            await context.RefuseAsync(StatusCodes.Status405MethodNotAllowed, $"{context.Request.Path.Value} takes POST").ConfigureAwait(false);
        else if (context.IsFromWebPage())
            await context.RefuseAsync(StatusCodes.Status403Forbidden, "orders are not taken from web pages").ConfigureAwait(false);
        else if (node.Runtime is not { } runtime)
            await context.RefuseAsync(StatusCodes.Status503ServiceUnavailable, "the node is starting").ConfigureAwait(false);
        else
            await AnswerAsync(context, () => CarryOutAsync(context, runtime, seconds, serve)).ConfigureAwait(false);
    }

    /// <summary>400 for what is wrong with an order, 409 for what is refused, 503 where nobody can say.</summary>
    public static async Task AnswerAsync(HttpContext context, Func<Task> serve)
    {
        try
        {
            await serve().ConfigureAwait(false);
        }
        catch (UserErrorException wrong)
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, wrong.Message).ConfigureAwait(false);
        }
        catch (ReplicationException refused)
        {
            int code = refused.Rejection.Reason == RejectReason.Invalid ? StatusCodes.Status409Conflict : StatusCodes.Status503ServiceUnavailable;
            await context.RefuseAsync(code, refused.Message).ConfigureAwait(false);
        }
    }

    private static Task CarryOutAsync(HttpContext context, ReplicationRuntime runtime, (int Default, int Most) limits, Func<ReplicationRuntime, string, int, TimeSpan, Task> serve)
    {
        IQueryCollection query = context.Request.Query;
        int seconds = query.Number("timeout") ?? limits.Default;
        if (seconds < 1 || seconds > limits.Most)
            throw new UserErrorException($"timeout is {seconds}; it must be 1 to {limits.Most} seconds");
        return serve(runtime, query.Required("group"), query.RequiredNumber("shard"), TimeSpan.FromSeconds(seconds));
    }
}
