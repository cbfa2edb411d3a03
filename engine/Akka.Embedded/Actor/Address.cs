using System.Globalization;

namespace Akka.Actor;

/// <summary>Where an actor system is: protocol, name and, for a remote one, host and port.</summary>
public sealed class Address : IEquatable<Address>, IComparable<Address>, IComparable
{
    public static readonly Address AllSystems = new("akka", "all-systems");

    /// <summary>Orders by protocol, system, host and port.</summary>
    public static readonly IComparer<Address> Comparer = global::System.Collections.Generic.Comparer<Address>.Create(Compare);

    private string _text;

    public Address(string protocol, string system, string host = null, int? port = null)
    {
        Protocol = protocol;
        System = system;
        Host = host?.ToLowerInvariant();
        Port = port;
    }

    public string Protocol { get; }
    public string System { get; }
    public string Host { get; }
    public int? Port { get; }
    public bool HasLocalScope => string.IsNullOrEmpty(Host);
    public bool HasGlobalScope => !HasLocalScope;

    public Address WithHost(string host = null) => new(Protocol, System, host, Port);
    public Address WithPort(int? port = null) => new(Protocol, System, Host, port);
    public Address WithProtocol(string protocol) => new(protocol, System, Host, Port);
    public Address WithSystem(string system) => new(Protocol, system, Host, Port);

    /// <summary>"system@host:port".</summary>
    public string HostPort() => ToString()[(Protocol.Length + 3)..];

    public override string ToString() => _text ??= HasLocalScope ? $"{Protocol}://{System}"
        : Port is null ? $"{Protocol}://{System}@{Host}" : string.Create(CultureInfo.InvariantCulture, $"{Protocol}://{System}@{Host}:{Port}");

    public static Address Parse(string address) =>
        TryParse(address, out Address parsed) ? parsed : throw new UriFormatException($"'{address}' is no address such as akka.tcp://system@host:port.");

    public static bool TryParse(string path, out Address address) => TryParse(path, out address, out _);

    /// <summary>Parses "protocol://system[@host[:port]]" and hands back what follows, which is "/" if nothing does.</summary>
    public static bool TryParse(string path, out Address address, out string absolutUri)
    {
        address = null;
        absolutUri = null;
        int scheme = path?.IndexOf("://", StringComparison.Ordinal) ?? -1;
        if (scheme <= 0) return false;
        int start = scheme + 3;
        int slash = path.IndexOf('/', start);
        string authority = slash < 0 ? path[start..] : path[start..slash];
        absolutUri = slash < 0 ? "/" : path[slash..];
        int at = authority.IndexOf('@');
        if (authority.Length == 0 || at == 0) return false;
        if (at < 0)
        {
            address = new Address(path[..scheme], authority);
            return true;
        }

        string hostPort = authority[(at + 1)..];
        int colon = hostPort.LastIndexOf(':');
        if (hostPort.EndsWith(']')) colon = -1;
        string host = colon < 0 ? hostPort : hostPort[..colon];
        int port = -1;
        if (host.Length == 0 || (colon >= 0 && !IsPort(hostPort.AsSpan(colon + 1), out port))) return false;
        address = new Address(path[..scheme], authority[..at], host, colon < 0 ? null : port);
        return true;
    }

    private static bool IsPort(ReadOnlySpan<char> text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= 65535;

    public bool Equals(Address other) =>
        ReferenceEquals(this, other)
        || (other is not null && Port == other.Port && Host == other.Host && System == other.System && Protocol == other.Protocol);

    public override bool Equals(object obj) => obj is Address other && Equals(other);
    public override int GetHashCode() => HashCode.Combine(Protocol, System, Host, Port);
    public int CompareTo(Address other) => Compare(this, other);
    int IComparable.CompareTo(object obj) => Compare(this, (Address)obj);

    private static int Compare(Address left, Address right)
    {
        if (ReferenceEquals(left, right)) return 0;
        if (left is null) return -1;
        if (right is null) return 1;
        int order = string.CompareOrdinal(left.Protocol, right.Protocol);
        if (order == 0) order = string.CompareOrdinal(left.System, right.System);
        if (order == 0) order = string.CompareOrdinal(left.Host ?? "", right.Host ?? "");
        return order != 0 ? order : (left.Port ?? 0).CompareTo(right.Port ?? 0);
    }

    public static bool operator ==(Address left, Address right) => left is null ? right is null : left.Equals(right);
    public static bool operator !=(Address left, Address right) => !(left == right);
}
