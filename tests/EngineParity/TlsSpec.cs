using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Remote;
using Akka.Remote.Transport.DotNetty;

namespace ActorRepl.EngineParity;

/// <summary>Remoting over TLS: <c>enable-ssl</c> with a certificate from a file or from a setup.</summary>
public sealed class TlsSpec : IDisposable
{
    private const string Password = "a password";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("tls-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Systems_that_accept_each_others_certificates_talk_and_their_addresses_say_so()
    {
        using X509Certificate2 certificate = SelfSigned("both");
        using ActorSystem a = Start("left", certificate, suppressValidation: true), b = Start("right", certificate, suppressValidation: true);
        Assert.Equal("akka.ssl.tcp", AddressOf(b).Protocol);
        Assert.True(await IsReachedAsync(a, b, TimeSpan.FromSeconds(15)));
    }

    [Fact]
    public async Task A_certificate_may_come_from_a_file()
    {
        using X509Certificate2 certificate = SelfSigned("both");
        string file = Path.Combine(_directory.FullName, "both.pfx");
        await File.WriteAllBytesAsync(file, certificate.Export(X509ContentType.Pkcs12, Password));
        string ssl = $$"""ssl { suppress-validation = on, certificate { path = "{{file.Replace("\\", "\\\\", StringComparison.Ordinal)}}", password = "{{Password}}" } }""";
        using ActorSystem a = ActorSystem.Create("left", Configure(ssl)), b = ActorSystem.Create("right", Configure(ssl));
        Assert.True(await IsReachedAsync(a, b, TimeSpan.FromSeconds(15)));
    }

    [Fact]
    public async Task A_certificate_that_is_not_trusted_is_refused()
    {
        using X509Certificate2 certificate = SelfSigned("both");
        using ActorSystem a = Start("left", certificate, suppressValidation: false), b = Start("right", certificate, suppressValidation: false);
        Assert.False(await IsReachedAsync(a, b, TimeSpan.FromSeconds(2)));
    }

    [Fact]
    public async Task A_system_without_TLS_is_not_let_in()
    {
        using X509Certificate2 certificate = SelfSigned("right");
        using ActorSystem plain = ActorSystem.Create("left", Configure("enable-ssl = off")), secured = Start("right", certificate, suppressValidation: true);
        Address address = AddressOf(secured);
        Assert.False(await IsReachedAsync(plain, $"akka.tcp://right@127.0.0.1:{address.Port}", TimeSpan.FromSeconds(2)));
    }

    private static ActorSystem Start(string name, X509Certificate2 certificate, bool suppressValidation) => ActorSystem.Create(
        name, ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(Configure("")), new DotNettySslSetup(certificate, suppressValidation)));

    private static Config Configure(string tcp) => ConfigurationFactory.ParseString($$"""
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          actor.provider = remote
          log-dead-letters = off
          remote {
            log-remote-lifecycle-events = off
            retry-gate-closed-for = 500 ms
            dot-netty.tcp { hostname = 127.0.0.1, port = 0, enable-ssl = on, {{tcp}} }
          }
          coordinated-shutdown.exit-clr = off
        }
        """);

    private static Address AddressOf(ActorSystem system) => ((ExtendedActorSystem)system).Provider.DefaultAddress;

    private static Task<bool> IsReachedAsync(ActorSystem from, ActorSystem to, TimeSpan patience) => IsReachedAsync(from, $"{AddressOf(to)}", patience);

    private static async Task<bool> IsReachedAsync(ActorSystem from, string address, TimeSpan patience)
    {
        try
        {
            await from.ActorSelection($"{address}/user").ResolveOne(patience);
            return true;
        }
        catch (Exception e) when (e is ActorNotFoundException or RemoteTransportException)
        {
            return false;
        }
    }

    private static X509Certificate2 SelfSigned(string name)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
