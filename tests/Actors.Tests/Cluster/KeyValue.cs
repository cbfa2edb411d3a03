using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>Key-value commands in text, for tests.</summary>
internal static class KeyValue
{
    public const string Group = "kv";

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static byte[] Set(string key, string value) => new KeyValuePayload().Set(Bytes(key), Bytes(value)).ToArray();

    public static byte[] Get(string key) => new KeyValuePayload().Get(Bytes(key)).ToArray();

    public static byte[] Increment(string key, long amount = 1) => new KeyValuePayload().IncrementBy(Bytes(key), amount).ToArray();

    public static async Task SetAsync(this IReplicationClient client, string key, string value, TimeSpan? timeout = null) =>
        Assert.Equal(KeyValueReplyKind.Ok, Reply(await client.ExecuteAsync(Group, Bytes(key), Set(key, value), new RequestOptions { Timeout = timeout })).Kind);

    public static async Task<string?> GetAsync(this IReplicationClient client, string key, RequestKind kind = RequestKind.Read, TimeSpan? timeout = null) =>
        Text(await client.QueryAsync(Group, Bytes(key), Get(key), new RequestOptions { ReadKind = kind, Timeout = timeout }));

    public static string? Text(ReadOnlyMemory<byte> result)
    {
        KeyValueReply reply = Reply(result);
        return reply.Kind switch
        {
            KeyValueReplyKind.Nil => null,
            KeyValueReplyKind.Integer => reply.Integer.ToString(),
            _ => Encoding.UTF8.GetString(reply.Bytes.Span),
        };
    }

    public static KeyValueReply Reply(ReadOnlyMemory<byte> result)
    {
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        Assert.True(replies.Next(out KeyValueReply reply));
        return reply;
    }
}
