using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>What a request has to say in <c>Authorization</c> (RFC 6750); empty: nothing.</summary>
internal sealed class BearerToken(string token)
{
    public const string Wanted = "this needs the header Authorization: Bearer and the node's token";

    private const string Scheme = "Bearer ";

    private readonly byte[] _hash = SHA256.HashData(Encoding.UTF8.GetBytes(token));

    public bool IsSet => token.Length > 0;

    /// <summary>Takes the same time for every wrong token.</summary>
    public bool Allows(HttpRequest request)
    {
        string given = request.Headers.Authorization.ToString();
        return !IsSet || (given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given[Scheme.Length..])), _hash));
    }

    /// <summary>What whoever watches over nodes may ask without: whether the node lives, and is ready.</summary>
    public static bool IsOpen(PathString path) => path.StartsWithSegments("/health", StringComparison.Ordinal);
}
