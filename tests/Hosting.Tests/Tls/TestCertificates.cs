using ActorRepl.Hosting.Settings;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Hosting.Tls;

namespace ActorRepl.Hosting.Tests.Tls;

/// <summary>Certificates as <c>up --tls</c> makes them.</summary>
internal static class TestCertificates
{
    public static NodeTls Make(TempDirectory directory, string settings = "")
    {
        LocalCertificates.Ensure(directory.Path, "test");
        return NodeTls.Read(Hocon.Parse(LocalCertificates.Settings(directory.Path) + "\n" + settings, "test").WithFallback(Hocon.Reference))!;
    }
}
