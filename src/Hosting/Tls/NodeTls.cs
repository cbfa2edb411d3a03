using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ActorRepl.Hosting.Settings;
using Akka.Configuration;

namespace ActorRepl.Hosting.Tls;

/// <summary>Whether a port is encrypted, and whether who connects has to show a certificate, too.</summary>
internal enum TlsMode
{
    Off,
    On,
    Mutual,
}

/// <summary>A node's certificate, whom it trusts, and which of its ports are encrypted: <c>actorrepl.tls</c>. TLS 1.2 and 1.3.</summary>
internal sealed class NodeTls
{
    private const string Root = "actorrepl.tls";
    private const SslProtocols Versions = SslProtocols.Tls12 | SslProtocols.Tls13;

    private const string Encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----", OldEncryption = "Proc-Type: 4,ENCRYPTED";

    // What a node shows its certificate for: as server, and as client.
    private static readonly string[] Uses = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];

    private static readonly Dictionary<string, TlsMode> Modes = new() { ["off"] = TlsMode.Off, ["on"] = TlsMode.On, ["mutual"] = TlsMode.Mutual };

    private readonly X509Certificate2Collection _chain = [];
    private readonly X509Certificate2Collection _trusted = [];

    private NodeTls(X509Certificate2 certificate) => Certificate = certificate;

    /// <summary>With its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Those who sign certificates that are trusted are in this file; empty: the platform's.</summary>
    public required string TrustedFile { get; init; }

    /// <summary>Nodes show each other their certificates.</summary>
    public required bool Nodes { get; init; }

    public required TlsMode Redis { get; init; }

    public required TlsMode Http { get; init; }

    /// <summary>Null: no certificate is set, and nothing is encrypted.</summary>
    /// <exception cref="UserErrorException">A file cannot be used, or a port is to be encrypted without a certificate.</exception>
    public static NodeTls? Read(Config config)
    {
        bool nodes = config.Flag(Root + ".nodes");
        TlsMode redis = config.Choice(Root + ".redis", Modes), http = config.Choice(Root + ".http", Modes);
        string file = Text(config, "certificate"), trusted = Text(config, "trusted");
        if (file.Length == 0)
        {
            string? wants = nodes ? "nodes" : redis != TlsMode.Off ? "redis" : http != TlsMode.Off ? "http" : null;
            return wants is null ? null : throw new UserErrorException($"{Root}.{wants} is {Text(config, wants)} and {Root}.certificate is empty; it must name the node's certificate");
        }

        // Whoever has a certificate of an authority that the world trusts is no node yet, and no client.
        if (trusted.Length == 0 && (nodes || redis == TlsMode.Mutual || http == TlsMode.Mutual))
            throw new UserErrorException($"{Root}.trusted is empty; where who connects is known by a certificate it must name a PEM file with those that sign them");
        var tls = new NodeTls(Load(file, Text(config, "key"), Text(config, "password"))) { TrustedFile = trusted, Nodes = nodes, Redis = redis, Http = http };
        tls.ReadOthers(file);
        return tls;
    }

    /// <summary>Whether nodes that trust whom this one does take it for a node: they would close its connections, and it would wait for them.</summary>
    /// <exception cref="UserErrorException">They would not.</exception>
    public void CheckAsNode()
    {
        using var chain = new X509Chain { ChainPolicy = Policy()! };
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ExtraStore.AddRange(_chain);
        foreach (string use in Uses)
            chain.ChainPolicy.ApplicationPolicy.Add(new Oid(use));
        if (!chain.Build(Certificate))
        {
            throw new UserErrorException($"{Root}.certificate is one that other nodes refuse ({string.Join("; ", chain.ChainStatus.Select(why => why.StatusInformation.Trim()).Distinct())}); "
                + $"it must be signed by an authority in {Root}.trusted, '{TrustedFile}', be valid now, and be for servers and clients");
        }
    }

    /// <summary>For a port that is encrypted.</summary>
    public SslServerAuthenticationOptions Server(TlsMode mode)
    {
        bool mutual = mode == TlsMode.Mutual;
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(Certificate, _chain, offline: true),
            EnabledSslProtocols = Versions,
            ClientCertificateRequired = mutual,
            CertificateChainPolicy = Policy(),
            RemoteCertificateValidationCallback = (_, certificate, _, errors) => !mutual || (certificate is not null && errors == SslPolicyErrors.None),
        };
    }

    /// <summary>For whoever talks to a node of this machine: it must have this certificate, or one that is trusted.</summary>
    public SslClientAuthenticationOptions Client() => new()
    {
        TargetHost = "localhost",
        ClientCertificateContext = SslStreamCertificateContext.Create(Certificate, _chain, offline: true),
        EnabledSslProtocols = Versions,
        CertificateChainPolicy = Policy(),
        RemoteCertificateValidationCallback = (_, certificate, _, errors) => certificate is X509Certificate2 shown && shown.RawDataMemory.Span.SequenceEqual(Certificate.RawDataMemory.Span)
            || (_trusted.Count > 0 ? errors & ~SslPolicyErrors.RemoteCertificateNameMismatch : errors) == SslPolicyErrors.None,
    };

    private static string Text(Config config, string name) => config.GetString($"{Root}.{name}") ?? "";

    private X509ChainPolicy? Policy()
    {
        if (_trusted.Count == 0)
            return null;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(_trusted);
        return policy;
    }

    private void ReadOthers(string file)
    {
        Try("certificate", file, () =>
        {
            if (!IsPkcs12(file))
                _chain.ImportFromPemFile(file);
            return _chain;
        });
        if (TrustedFile.Length > 0 && Try("trusted", TrustedFile, () => Import(TrustedFile)).Count == 0)
            throw new UserErrorException($"{Root}.trusted is '{TrustedFile}'; it has no certificate in PEM form");
    }

    private X509Certificate2Collection Import(string file)
    {
        _trusted.ImportFromPemFile(file);
        return _trusted;
    }

    private static X509Certificate2 Load(string file, string key, string password)
    {
        if (IsPkcs12(file))
            return Try("certificate", file, () => X509CertificateLoader.LoadPkcs12FromFile(file, password));
        string certificates = Try("certificate", file, () => Pem(file));
        (string setting, string keyFile) = key.Length > 0 ? ("key", key) : ("certificate", file);
        string keys = key.Length > 0 ? Try(setting, keyFile, () => File.ReadAllText(keyFile)) : certificates;
        if (keys.Contains(OldEncryption, StringComparison.Ordinal))
            throw new UserErrorException($"{Root}.{setting} is '{keyFile}', whose key is encrypted in OpenSSL's old form; it must be in PKCS #8, as 'openssl pkcs8 -topk8' writes it, or not encrypted");
        bool encrypted = keys.Contains(Encrypted, StringComparison.Ordinal);
        if (encrypted && password.Length == 0)
            throw new UserErrorException($"{Root}.{setting} is '{keyFile}', whose key is encrypted; {Root}.password, which is to open it, is empty");
        X509Certificate2 read = Try(setting, keyFile, () =>
            encrypted ? X509Certificate2.CreateFromEncryptedPem(certificates, keys, password) : X509Certificate2.CreateFromPem(certificates, keys));
        // Not every platform shakes hands with a key that is in memory alone.
        using (read)
            return X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>A file with a certificate in it.</summary>
    private static string Pem(string file)
    {
        string text = File.ReadAllText(file);
        X509Certificate2.CreateFromPem(text).Dispose();
        return text;
    }

    private static bool IsPkcs12(string file) => Path.GetExtension(file).ToLowerInvariant() is ".pfx" or ".p12";

    private static T Try<T>(string setting, string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception wrong) when (wrong is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UserErrorException($"{Root}.{setting} is '{file}', which cannot be used: {wrong.Message}");
        }
    }
}
