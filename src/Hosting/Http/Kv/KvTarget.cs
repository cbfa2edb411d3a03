using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>
/// What a request's path names: <c>/kv/{group}</c>, <c>/kv/{group}/{key}</c> or <c>/watch/{group}</c>. The key is all that follows, its
/// bytes written as in any URL: <c>%</c> and two digits stand for a byte. Any bytes at all can be written in base64url, with
/// <c>?encoding=base64url</c>: the server lets no <c>%00</c> pass.
/// </summary>
internal readonly record struct KvTarget(string Root, string Group, byte[]? Key)
{
    public static bool Handles(PathString path) => path.StartsWithSegments("/kv", StringComparison.Ordinal) || path.StartsWithSegments("/watch", StringComparison.Ordinal);

    /// <exception cref="ProblemException">It names nothing.</exception>
    public static KvTarget Of(HttpContext context)
    {
        string raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget is { Length: > 0 } target ? target : context.Request.Path.Value ?? "";
        // As proxies write it (RFC 9112, 3.2.2): with scheme and host before the path.
        if (!raw.StartsWith('/') && raw.IndexOf("://", StringComparison.Ordinal) is > 0 and var scheme && raw.IndexOf('/', scheme + 3) is > 0 and var path)
            raw = raw[path..];
        int query = raw.IndexOf('?', StringComparison.Ordinal);
        string[] parts = (query < 0 ? raw : raw[..query]).TrimStart('/').Split('/', 3);
        if (parts.Length < 2 || parts[1].Length == 0 || parts[0] is not ("kv" or "watch") || (parts[0] == "watch" && parts.Length > 2))
            throw new ProblemException(StatusCodes.Status404NotFound, "not-found", "there are /kv/{group}, /kv/{group}/{key} and /watch/{group}");
        return new KvTarget(parts[0], Encoding.UTF8.GetString(Decode(parts[1])), parts.Length == 3 ? KeyIn(parts[2], context.Request.Query.Text("encoding")) : null);
    }

    private static byte[] KeyIn(string text, string? encoding)
    {
        if (encoding is null)
            return Decode(text);
        byte[] key = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        return encoding == "base64url" && Base64Url.DecodeFromChars(text, key, out _, out int length) == OperationStatus.Done
            ? key[..length]
            : throw ProblemException.BadRequest("encoding is base64url or left out, and the key is to be in it");
    }

    /// <summary>The bytes of percent-encoded text.</summary>
    /// <exception cref="ProblemException">A <c>%</c> without two digits.</exception>
    public static byte[] Decode(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int length = 0;
        for (int i = 0; i < bytes.Length; i++, length++)
        {
            if (bytes[i] != '%')
                bytes[length] = bytes[i];
            else if (i + 2 < bytes.Length && char.IsAsciiHexDigit((char)bytes[i + 1]) && char.IsAsciiHexDigit((char)bytes[i + 2]))
            {
                bytes[length] = Convert.ToByte(((char)bytes[i + 1]).ToString() + (char)bytes[i + 2], 16);
                i += 2;
            }
            else
                throw ProblemException.BadRequest("in a path, % is followed by two digits of base 16");
        }

        return bytes[..length];
    }
}
