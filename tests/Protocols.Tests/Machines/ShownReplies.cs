using System.Text;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Protocols.Tests.Machines;

/// <summary>What a key-value machine answers, one by one and as a line.</summary>
internal static class ShownReplies
{
    public static List<KeyValueReply> Replies(ReadOnlyMemory<byte> result)
    {
        var replies = new List<KeyValueReply>();
        KeyValueReplyReader reader = KeyValueCodec.Replies(result);
        while (reader.Next(out KeyValueReply reply))
            replies.Add(reply);
        return replies;
    }

    public static string Show(List<KeyValueReply> replies) => string.Join(' ', replies.Select(reply => reply.Kind switch
    {
        KeyValueReplyKind.Integer => $"{reply.Integer}",
        KeyValueReplyKind.Bytes or KeyValueReplyKind.Error => Encoding.UTF8.GetString(reply.Bytes.Span),
        _ => reply.Kind.ToString().ToLowerInvariant(),
    }));
}
