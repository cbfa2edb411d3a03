using System.Net;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>
/// Whether a request names this node by an address, or as localhost: behind any other name there may be somebody who lets his own name point here, and whose
/// page a browser then takes for the node's own (DNS rebinding).
/// </summary>
internal static class OwnName
{
    public const string Wanted = "without a token, a node on loopback is asked by its address or as localhost, not by another name";

    /// <summary>No browser asks without a name.</summary>
    public static bool IsMeant(HttpRequest request) => !request.Host.HasValue || request.Host.Host == "localhost" || IPAddress.TryParse(request.Host.Host.Trim('[', ']'), out _);
}
