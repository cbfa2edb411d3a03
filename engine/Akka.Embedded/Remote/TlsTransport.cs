#nullable enable
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Remote.Transport.DotNetty;

namespace Akka.Remote;

/// <summary>TLS 1.2 and 1.3 around connections, by <c>akka.remote.dot-netty.tcp.enable-ssl</c> and <c>ssl</c>.</summary>
internal sealed class TlsTransport
{
    private const string Path = "akka.remote.dot-netty.tcp.ssl";
    private const string TrustedPath = "akka.remote.embedded.tls-trusted-certificates";
    private const SslProtocols Versions = SslProtocols.Tls12 | SslProtocols.Tls13;

    private readonly X509Certificate2 _certificate;
    private readonly X509Certificate2Collection _trusted = [];
    private readonly bool _suppressValidation;
    private readonly bool _mutual;

    private TlsTransport(Config config, DotNettySslSetup? setup)
    {
        _mutual = config.GetBoolean(Path + ".require-mutual-authentication");
        _suppressValidation = setup?.SuppressValidation ?? config.GetBoolean(Path + ".suppress-validation");
        _certificate = setup?.Certificate ?? Load(config.GetString(Path + ".certificate.path") ?? "", config.GetString(Path + ".certificate.password"));
        if (!_certificate.HasPrivateKey)
            throw new ConfigurationException($"the certificate of {Path} has no private key");
        if (config.GetString(TrustedPath) is { Length: > 0 } trusted)
            _trusted.ImportFromPemFile(trusted);
    }

    /// <summary>Null: connections are as they are.</summary>
    /// <exception cref="ConfigurationException">The certificate cannot be used.</exception>
    public static TlsTransport? Of(Config config, ActorSystemSetup setup) =>
        config.GetBoolean("akka.remote.dot-netty.tcp.enable-ssl") ? new TlsTransport(config, setup.Get<DotNettySslSetup>().Value) : null;

    /// <summary>Shakes hands with who connected here.</summary>
    /// <exception cref="RemoteTransportException">There is no agreement, or the peer shows no certificate that is trusted.</exception>
    public Task<Stream> AcceptAsync(Socket socket, CancellationToken cancel) => SecureAsync(socket, stream => stream.AuthenticateAsServerAsync(
        new SslServerAuthenticationOptions
        {
            ServerCertificate = _certificate,
            EnabledSslProtocols = Versions,
            ClientCertificateRequired = _mutual,
            CertificateChainPolicy = Policy(),
            RemoteCertificateValidationCallback = (_, certificate, _, errors) => !_mutual || (certificate is not null && IsTrusted(errors)),
        }, cancel));

    /// <summary>Shakes hands with who was connected to.</summary>
    /// <inheritdoc cref="AcceptAsync"/>
    public Task<Stream> ConnectAsync(Socket socket, CancellationToken cancel) => SecureAsync(socket, stream => stream.AuthenticateAsClientAsync(
        new SslClientAuthenticationOptions
        {
            // As in Akka.NET: the nodes of a system share a name.
            TargetHost = _certificate.GetNameInfo(X509NameType.DnsName, forIssuer: false),
            ClientCertificates = [_certificate],
            EnabledSslProtocols = Versions,
            CertificateChainPolicy = Policy(),
            RemoteCertificateValidationCallback = (_, _, _, errors) => IsTrusted(errors),
        }, cancel));

    private static async Task<Stream> SecureAsync(Socket socket, Func<SslStream, Task> shakeHands)
    {
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            await shakeHands(stream).ConfigureAwait(false);
            return stream;
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException or System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw new RemoteTransportException($"no TLS: {(e is OperationCanceledException ? "the handshake took too long" : (e.InnerException ?? e).Message)}", e);
        }
    }

    // With certificates of one's own to trust, whoever has one of them is a node, whatever it is called.
    private bool IsTrusted(SslPolicyErrors errors) =>
        _suppressValidation || (_trusted.Count > 0 ? errors & ~SslPolicyErrors.RemoteCertificateNameMismatch : errors) == SslPolicyErrors.None;

    private X509ChainPolicy? Policy()
    {
        if (_trusted.Count == 0)
            return null;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(_trusted);
        return policy;
    }

    private static X509Certificate2 Load(string path, string? password)
    {
        if (path.Length == 0)
            throw new ConfigurationException($"{Path}.certificate.path is empty; with enable-ssl it must name a PKCS #12 file (.pfx)");
        try
        {
            return X509CertificateLoader.LoadPkcs12FromFile(path, password);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{Path}.certificate.path is '{path}': {e.Message}", e);
        }
    }
}
