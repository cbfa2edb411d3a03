using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ActorRepl.Hosting.Settings;

namespace ActorRepl.Hosting.Tls;

/// <summary>
/// What <c>actorrepl up --tls</c> encrypts with: an authority of the cluster's own, whose key is thrown away, and a certificate for all of its
/// nodes and for the commands, in <c>tls</c> of the data directory. P-256; ten years.
/// </summary>
internal static class LocalCertificates
{
    private const string ServerAuth = "1.3.6.1.5.5.7.3.1", ClientAuth = "1.3.6.1.5.5.7.3.2";
    private const int Years = 10;

    /// <summary>Where the authority is that signed them, for those who are to believe them.</summary>
    public static string AuthorityFile(string data) => Path.Combine(data, "tls", "authority.pem");

    /// <summary>The settings that name the files.</summary>
    public static string Settings(string data)
    {
        string folder = Path.Combine(data, "tls");
        return string.Create(CultureInfo.InvariantCulture, $$"""

            actorrepl.tls {
              certificate = {{Hocon.Quoted(Path.Combine(folder, "node.pem"))}}
              key = {{Hocon.Quoted(Path.Combine(folder, "node.key"))}}
              trusted = {{Hocon.Quoted(AuthorityFile(data))}}
              nodes = on
              redis = on
              http = on
            }
            """);
    }

    /// <summary>Makes them if they are not there.</summary>
    public static void Ensure(string data, string cluster)
    {
        string folder = Path.Combine(data, "tls");
        string key = Path.Combine(folder, "node.key");
        if (File.Exists(key))
            return;
        Directory.CreateDirectory(folder);
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var nodeKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 authority = Authority(cluster, authorityKey);
        using X509Certificate2 node = Node(cluster, nodeKey, authority);
        File.WriteAllText(Path.Combine(folder, "authority.pem"), authority.ExportCertificatePem() + "\n");
        File.WriteAllText(Path.Combine(folder, "node.pem"), node.ExportCertificatePem() + "\n");
        WriteSecret(key, nodeKey.ExportPkcs8PrivateKeyPem() + "\n");
    }

    private static X509Certificate2 Authority(string cluster, ECDsa key)
    {
        var request = new CertificateRequest($"CN=ActorRepl {cluster} authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(Years).AddDays(1));
    }

    private static X509Certificate2 Node(string cluster, ECDsa key, X509Certificate2 authority)
    {
        var request = new CertificateRequest($"CN=ActorRepl {cluster} node", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ServerAuth), new Oid(ClientAuth)], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        return request.Create(authority, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(Years), RandomNumberGenerator.GetBytes(16));
    }

    // Nobody else may read it, from its first byte on.
    private static void WriteSecret(string path, string text)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new StreamWriter(path, options);
        file.Write(text);
    }
}
