using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Hosting.Tls;

namespace ActorRepl.Hosting.Tests.Tls;

/// <summary>Nothing listens beyond the machine without knowing who asks, unless that is said twice.</summary>
public sealed class ExposureTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("redis", "password = secret")]
    [InlineData("http", "token = secret")]
    public void A_gateway_beyond_loopback_needs_a_secret_or_a_certificate_or_two_words(string port, string secret)
    {
        string bind = $"actorrepl.{port}.bind = \"0.0.0.0\"\n";
        string refused = Assert.Throws<UserErrorException>(() => Load(bind)).Message;
        Assert.Contains("beyond this machine", refused, StringComparison.Ordinal);
        Assert.Contains($"actorrepl.{port}.allow-unauthenticated", refused, StringComparison.Ordinal);
        Assert.Contains("--allow-unauthenticated", refused, StringComparison.Ordinal);
        Assert.Contains($"actorrepl.{port}.{secret.Split(' ')[0]}", refused, StringComparison.Ordinal);

        Load(bind + $"actorrepl.{port}.{secret}");
        Load(bind + Certificates() + $"\nactorrepl.tls.{port} = mutual");

        // Encrypted is not known, and one word is not two.
        Assert.Throws<UserErrorException>(() => Load(bind + Certificates()));
        Assert.Throws<UserErrorException>(() => Load(bind, allow: true));
        string said = bind + $"actorrepl.{port}.allow-unauthenticated = on";
        Assert.Throws<UserErrorException>(() => Load(said));
        Load(said, allow: true);
    }

    [Theory]
    [InlineData("10.1.2.3:7201")]
    [InlineData("node-one.example:7201")]
    public void The_port_for_nodes_beyond_loopback_needs_certificates_or_two_words(string address)
    {
        string refused = Assert.Throws<UserErrorException>(() => Plan(address, "")).Message;
        Assert.Contains("actorrepl.tls.nodes", refused, StringComparison.Ordinal);
        Assert.Contains("actorrepl.node.allow-unauthenticated", refused, StringComparison.Ordinal);
        Assert.Throws<UserErrorException>(() => Plan(address, "", allow: true));
        Assert.Throws<UserErrorException>(() => Plan(address, "actorrepl.node.allow-unauthenticated = on"));
        Plan(address, "actorrepl.node.allow-unauthenticated = on", allow: true);
        if (Engine.DemandsCertificates)
            Plan(address, Certificates());
        else
            Assert.Throws<UserErrorException>(() => Plan(address, Certificates()));
    }

    [Fact]
    public void What_the_transport_really_listens_on_counts()
    {
        string open = "akka.remote.dot-netty.tcp { hostname = \"0.0.0.0\", public-hostname = \"127.0.0.1\" }";
        Assert.Throws<UserErrorException>(() => Plan("127.0.0.1:7201", open));
        Plan("127.0.0.1:7201", "");
        Plan("localhost:7201", "");
    }

    [Theory]
    [InlineData("actorrepl.tls.nodes = on", "actorrepl.tls.certificate is empty")]
    [InlineData("actorrepl.tls.redis = mutual", "actorrepl.tls.certificate is empty")]
    [InlineData("actorrepl.tls.http = yes", "it must be off or on or mutual")]
    [InlineData("actorrepl.tls { certificate = \"/none.pem\", redis = on }", "/none.pem")]
    [InlineData("actorrepl.redis.bind = everywhere", "it must be an IP address")]
    public void What_cannot_work_is_refused_by_name(string settings, string said) =>
        Assert.Contains(said, Assert.Throws<UserErrorException>(() => Load(settings)).Message, StringComparison.Ordinal);

    [Fact]
    public void Whom_to_trust_has_to_be_said_where_certificates_are_demanded()
    {
        string settings = Certificates();
        string said = Assert.Throws<UserErrorException>(() => Load(settings + "\nactorrepl.tls.trusted = \"\"")).Message;
        Assert.Contains("actorrepl.tls.trusted is empty", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("secret")]
    public void A_certificate_may_come_as_PKCS_12(string password)
    {
        string settings = Certificates();
        NodeTls pem = TestCertificates.Make(_directory);
        string file = Path.Combine(_directory.Path, "node.pfx");
        File.WriteAllBytes(file, pem.Certificate.Export(System.Security.Cryptography.X509Certificates.X509ContentType.Pkcs12, password));
        NodeSettings loaded = Load($"{settings}\nactorrepl.tls {{ certificate = \"{file}\", key = \"\", password = \"{password}\" }}");
        Assert.Equal(pem.Certificate.Thumbprint, loaded.Tls!.Certificate.Thumbprint);
        Assert.True(loaded.Tls.Certificate.HasPrivateKey);
    }

    [Fact]
    public void A_file_that_cannot_be_used_is_named_by_its_setting()
    {
        string settings = Certificates();
        TestCertificates.Make(_directory);
        string nothing = _directory.File("nothing.pem", "nothing");
        Assert.StartsWith($"actorrepl.tls.certificate is '{nothing}'", Said($"certificate = \"{nothing}\""), StringComparison.Ordinal);
        Assert.StartsWith("actorrepl.tls.certificate is '/none.pem'", Said("certificate = \"/none.pem\""), StringComparison.Ordinal);
        Assert.StartsWith($"actorrepl.tls.key is '{nothing}'", Said($"key = \"{nothing}\""), StringComparison.Ordinal);
        Assert.StartsWith($"actorrepl.tls.trusted is '{nothing}'", Said($"trusted = \"{nothing}\""), StringComparison.Ordinal);

        string Said(string setting) => Assert.Throws<UserErrorException>(() => Load($"{settings}\nactorrepl.tls.{setting}")).Message;
    }

    [Fact]
    public void A_key_that_is_encrypted_needs_its_password_and_another_needs_none()
    {
        string settings = Certificates();
        using var key = System.Security.Cryptography.ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(Path.Combine(_directory.Path, "tls", "node.key")));
        var how = new System.Security.Cryptography.PbeParameters(System.Security.Cryptography.PbeEncryptionAlgorithm.Aes128Cbc, System.Security.Cryptography.HashAlgorithmName.SHA256, 1000);
        string file = _directory.File("encrypted.key", key.ExportEncryptedPkcs8PrivateKeyPem("secret", how));
        string old = _directory.File("old.key", "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n");
        Assert.Contains("actorrepl.tls.password, which is to open it, is empty", Assert.Throws<UserErrorException>(() => Load($"{settings}\nactorrepl.tls.key = \"{file}\"")).Message, StringComparison.Ordinal);
        Assert.Contains("it must be in PKCS #8", Assert.Throws<UserErrorException>(() => Load($"{settings}\nactorrepl.tls.key = \"{old}\"")).Message, StringComparison.Ordinal);
        Assert.True(Load($"{settings}\nactorrepl.tls {{ key = \"{file}\", password = secret }}").Tls!.Certificate.HasPrivateKey);
        Assert.True(Load($"{settings}\nactorrepl.tls.password = secret").Tls!.Certificate.HasPrivateKey);
    }

    [Fact]
    public void A_certificate_that_other_nodes_refuse_is_told_of_at_once()
    {
        string settings = Certificates();
        using var other = new TempDirectory();
        LocalCertificates.Ensure(other.Path, "test");
        string trusted = $"actorrepl.tls.trusted = \"{LocalCertificates.AuthorityFile(other.Path)}\"";
        string said = Assert.Throws<UserErrorException>(() => Plan("127.0.0.1:7201", $"{settings}\n{trusted}")).Message;
        Assert.Contains("it must be signed by an authority in actorrepl.tls.trusted", said, StringComparison.Ordinal);

        // Clients of its other ports may be of other authorities.
        Plan("127.0.0.1:7201", $"{settings}\n{trusted}\nactorrepl.tls.nodes = off");
        Plan("127.0.0.1:7201", settings);
    }

    private string Certificates()
    {
        LocalCertificates.Ensure(_directory.Path, "test");
        return LocalCertificates.Settings(_directory.Path);
    }

    private NodeSettings Load(string settings, bool allow = false) => NodeSettings.Load(
        new NodeLaunch(1, 1, _directory.Path, 7000, "test", _directory.File("node.conf", settings)) { AllowUnauthenticated = allow });

    private NodePlan Plan(string address, string settings, bool allow = false)
    {
        var options = new ActorReplOptions { Data = _directory.Path, Config = settings, AllowUnauthenticated = allow };
        options.Addresses.Add(address);
        options.AddGroup("kv", group => group.Raft(replicas: 1));
        return NodePlan.Make(options);
    }
}
