using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Replica;
using ActorRepl.Hosting.Node;
using ActorRepl.Protocols.Machines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>
/// GET /export/{group}?shard=K: a shard's keys as JSON lines, in the form that <c>actorrepl import</c> takes, all as they stand at one entry of its log
/// (<c>X-Log-Position</c>), of a replica on this node. An answer that breaks off is incomplete.
/// </summary>
internal sealed class ExportEndpoint(NodeService node, HttpAdmission admission)
{
    /// <summary>A frozen state costs memory as its keys change.</summary>
    private const int MostAtOnce = 2;

    private const int PieceBytes = 64 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // Who reads slower gives up the place, and the frozen state with it.
    private const int SlowestBytesPerSecond = 64 * 1024;
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(10);

    private int _running;

    public static bool Handles(PathString path) => path.StartsWithSegments("/export", StringComparison.Ordinal);

    public Task HandleAsync(HttpContext context) => HttpAdmission.GuardAsync(context, async () =>
    {
        admission.Check(context, writes: false);
        HttpAdmission.Allow(context, HttpMethods.IsGet(context.Request.Method), "GET");
        if (context.Request.Path.Value!.Split('/') is not ["", "export", { Length: > 0 } group])
            throw new ProblemException(StatusCodes.Status404NotFound, "not-found", "there is /export/{group}?shard=K");
        if (node.Runtime is not { } runtime)
            throw new ProblemException(StatusCodes.Status503ServiceUnavailable, "unavailable", "the node is starting") { Retry = true };
        if (runtime.Client.Groups.FirstOrDefault(one => one.Name == group) is not { } known)
            throw new ProblemException(StatusCodes.Status404NotFound, "no-group", $"there is no group '{group}'; there are: {string.Join(", ", runtime.Client.Groups.Select(one => one.Name))}");
        if (!int.TryParse(context.Request.Query.Text("shard"), NumberStyles.None, CultureInfo.InvariantCulture, out int shard) || shard >= known.Shards)
            throw ProblemException.BadRequest($"shard must be 0 to {known.Shards - 1}");
        try
        {
            if (Interlocked.Increment(ref _running) > MostAtOnce)
                throw ProblemException.Overloaded($"{MostAtOnce} exports are under way here");
            await BringTimeAsync(runtime.Client, known, shard, context.RequestAborted).ConfigureAwait(false);
            using FrozenShard frozen = await runtime.FreezeAsync(group, shard, Patience, context.RequestAborted).ConfigureAwait(false);
            IEnumerable<KeyValueExported> keys = KeyValueExport.Of(frozen.View)
                ?? throw ProblemException.BadRequest($"group '{group}' has a state machine of its own; keys of the built-in one can be exported");
            context.Response.ContentType = "application/x-ndjson";
            context.Features.Get<IHttpMinResponseDataRateFeature>()?.MinDataRate = new MinDataRate(SlowestBytesPerSecond, ReadPatience);
            context.Response.Headers["X-Log-Position"] = $"{frozen.At.Term}/{frozen.At.Index}";
            await WriteAsync(context, keys).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    });

    /// <summary>What has ended by the leader's clock and nobody has asked for since is to be gone by the log, too: no other clock may leave keys out.</summary>
    private static async Task BringTimeAsync(IReplicationClient client, GroupInfo group, int shard, CancellationToken cancellation)
    {
        if (group.IsLeaderless)
            return;
        try
        {
            await new KvClient(client, group.Name, new KvTerms(new RequestOptions().AtPrimary, null)).ReadShardAsync(shard, new KeyValuePayload().CountKeys(), cancellation).ConfigureAwait(false);
        }
        catch (InvalidDataException)
        {
            // A machine of the application's own, which is told so below.
        }
    }

    private static async Task WriteAsync(HttpContext context, IEnumerable<KeyValueExported> keys)
    {
        var piece = new ArrayBufferWriter<byte>(PieceBytes);
        using var json = new Utf8JsonWriter(piece, new JsonWriterOptions { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        foreach (KeyValueExported one in keys)
        {
            // What is no client's.
            if (one.Key.Span.StartsWith("~actorrepl/"u8))
                continue;
            json.Reset();
            json.WriteStartObject();
            json.WriteBytes("key", one.Key.Span);
            json.WriteBytes("value", one.Value.Span);
            if (one.ExpiresAt != 0)
                json.WriteNumber("expiresAtMs", one.ExpiresAt);
            json.WriteEndObject();
            json.Flush();
            piece.Write("\n"u8);
            if (piece.WrittenCount < PieceBytes)
                continue;
            await context.Response.Body.WriteAsync(piece.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
            piece.ResetWrittenCount();
        }

        await context.Response.Body.WriteAsync(piece.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
    }
}
