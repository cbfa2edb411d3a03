using System.Net;

namespace ActorRepl.Hosting.Tls;

/// <summary>
/// Nothing listens beyond the machine itself without knowing who asks, unless that is said twice: in the settings of the port, and to the node as a whole.
/// </summary>
internal static class Exposure
{
    /// <param name="port">For the message: the port's name.</param>
    /// <param name="host">What it listens on; empty: every address.</param>
    /// <param name="isAuthenticated">Who connects has to show a secret, or a certificate.</param>
    /// <param name="how">The settings that would see to that.</param>
    /// <param name="setting">The setting that allows it to do without.</param>
    /// <param name="inSettings">What that setting says.</param>
    /// <param name="ofNode">What the node was told as a whole.</param>
    /// <exception cref="UserErrorException">It would be open to whoever can reach the machine.</exception>
    public static void Check(string port, string host, bool isAuthenticated, string how, string setting, bool inSettings, bool ofNode)
    {
        if (isAuthenticated || IsLoopback(host) || (inSettings && ofNode))
            return;
        throw new UserErrorException(
            $"the port for {port} would listen on '{(host.Length == 0 ? "every address" : host)}', beyond this machine, and ask nobody who they are; set {how}. "
            + $"To have it open nevertheless, say so twice: {setting} = on, and --allow-unauthenticated on the command line (ActorReplOptions.AllowUnauthenticated in code)");
    }

    public static bool IsLoopback(string host) => host == "localhost" || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));
}
