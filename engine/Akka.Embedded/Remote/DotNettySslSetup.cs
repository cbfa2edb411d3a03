using System.Security.Cryptography.X509Certificates;
using Akka.Actor.Setup;

namespace Akka.Remote.Transport.DotNetty;

/// <summary>The certificate of <c>akka.remote.dot-netty.tcp.enable-ssl</c>, in place of one that the settings name a file of.</summary>
public sealed class DotNettySslSetup(X509Certificate2 certificate, bool suppressValidation) : Setup
{
    /// <summary>With its private key.</summary>
    public X509Certificate2 Certificate { get; } = certificate;

    /// <summary>Any certificate of a peer will do.</summary>
    public bool SuppressValidation { get; } = suppressValidation;
}
