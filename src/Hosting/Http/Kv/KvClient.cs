using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>Carries out one request's operations on its terms, within a session if it has one.</summary>
internal sealed class KvClient
{
    private readonly IReplicationClient _client;
    private readonly KvTerms _terms;
    private readonly IReplicationSession? _session;

    /// <exception cref="ProblemException">There is no such group, or the session's token is none of it.</exception>
    public KvClient(IReplicationClient client, string group, KvTerms terms)
    {
        _client = client;
        _terms = terms;
        Group = client.Groups.FirstOrDefault(one => one.Name == group)
            ?? throw new ProblemException(404, "no-group", $"there is no group '{group}'; there are: {string.Join(", ", client.Groups.Select(one => one.Name))}");
        if (Group.Protocol == CrdtGroup.Protocol)
            throw new ProblemException(400, "no-keys", $"group '{group}' holds CRDTs, not keys and values: /crdt/{group}/TYPE/KEY serves them, and a watch of /crdt/{group} tells which have changed");
        if (terms.Session is not { } token)
            return;
        try
        {
            _session = client.OpenSession(group, token.Length == 0 ? null : token);
        }
        catch (FormatException wrong)
        {
            throw ProblemException.BadRequest($"{KvTerms.SessionHeader}: {wrong.Message}");
        }
    }

    public GroupInfo Group { get; }

    /// <summary>What the session has seen by now; null: there is none.</summary>
    public string? Token => _session?.Token;

    public async Task<List<KeyValueReply>> WriteAsync(byte[] key, KeyValuePayload operations, CancellationToken cancellation)
    {
        RequestOptions options = new() { Timeout = _terms.Options.Timeout, Concern = _terms.Options.Concern, Level = _terms.Options.Level };
        return Replies(_session is { } session
            ? await session.SendAsync(key, operations.ToArray(), options, cancellation).ConfigureAwait(false)
            : await _client.ExecuteAsync(Group.Name, key, operations.ToArray(), options, cancellation).ConfigureAwait(false));
    }

    /// <summary>Reads of the shard that owns a key.</summary>
    public async Task<List<KeyValueReply>> ReadAsync(byte[] key, KeyValuePayload operations, CancellationToken cancellation)
    {
        if (_session is null)
            return await ReadShardAsync(Group.ShardOf(key), operations, cancellation).ConfigureAwait(false);
        RequestOptions options = new() { Timeout = _terms.Options.Timeout, ReadFrom = _terms.Options.ReadFrom };
        return Replies(await _session.QueryAsync(key, operations.ToArray(), options, cancellation).ConfigureAwait(false));
    }

    /// <summary>Reads of a shard, outside any session.</summary>
    public async Task<List<KeyValueReply>> ReadShardAsync(int shard, KeyValuePayload operations, CancellationToken cancellation)
    {
        if (!_terms.IsLinearizable)
            return await QueryShardAsync(shard, operations, cancellation).ConfigureAwait(false);
        KeyValuePayload asked = new KeyValuePayload().AsOf(Now).Add(operations);
        List<KeyValueReply> replies = await QueryShardAsync(shard, asked, cancellation).ConfigureAwait(false);

        // Of clocks that differ the leader's decides: it is the one that stamps the log.
        if (replies is [{ Kind: KeyValueReplyKind.Due }] && !Group.IsReadAtPrimary(_terms.Options.ReadKind, _terms.Options.ReadFrom))
            replies = await QueryShardAsync(shard, asked, _terms.Options.AtPrimary, cancellation).ConfigureAwait(false);
        if (replies is not [{ Kind: KeyValueReplyKind.Due }])
            return replies;

        // A key has ended by the replica's clock and not by the log's: as a command, the reads bring the log the time.
        var options = new RequestOptions { Timeout = _terms.Options.Timeout };
        return Replies(await _client.ExecuteOnShardAsync(Group.Name, shard, operations.ToArray(), options, cancellation).ConfigureAwait(false));
    }

    /// <summary>A query as it is: its answer may be that a key is due.</summary>
    public Task<List<KeyValueReply>> QueryShardAsync(int shard, KeyValuePayload query, CancellationToken cancellation) =>
        QueryShardAsync(shard, query, _terms.Options, cancellation);

    private async Task<List<KeyValueReply>> QueryShardAsync(int shard, KeyValuePayload query, RequestOptions options, CancellationToken cancellation) =>
        Replies(await _client.QueryShardAsync(Group.Name, shard, query.ToArray(), options with { Concern = default }, cancellation).ConfigureAwait(false));

    private static long Now => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private static List<KeyValueReply> Replies(ReadOnlyMemory<byte> result)
    {
        var replies = new List<KeyValueReply>();
        KeyValueReplyReader reader = KeyValueCodec.Replies(result);
        while (reader.Next(out KeyValueReply reply))
            replies.Add(reply);
        return replies;
    }
}
