using System.Reflection;
using Akka.Actor;
using Akka.Remote.Transport.DotNetty;

namespace ActorRepl.Hosting.Node;

/// <summary>Which Akka.NET this process runs on.</summary>
public static class Engine
{
    /// <summary>The name of the engine that comes with ActorRepl.</summary>
    public const string Embedded = "embedded";

    private static readonly Assembly Assembly = typeof(ActorSystem).Assembly;

    /// <summary><c>embedded</c>: the engine that comes with ActorRepl; <c>Akka.NET</c>: the published packages.</summary>
    public static string Name => Assembly.GetName().Name == "Akka.Embedded" ? Embedded : "Akka.NET";

    public static string Version => VersionOf(Assembly);

    /// <summary>Who connects to a node's port has to show a certificate, where nodes are encrypted. Akka.NET 1.5.30 cannot, later ones can.</summary>
    public static bool DemandsCertificates => Name == Embedded || typeof(DotNettySslSetup).GetProperty("RequireMutualAuthentication") is not null;

    /// <summary>The version of ActorRepl itself.</summary>
    public static string ProductVersion => VersionOf(typeof(Engine).Assembly);

    public static string Description => Name == Embedded ? "the embedded engine" : $"{Name} {Version}";

    private static string VersionOf(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";
}
