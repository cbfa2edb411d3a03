using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Akka.Actor;

/// <summary>
/// The place of an actor in the tree of its system. Two paths are equal if they name the same place; the uid, which tells
/// one incarnation of an actor from the next, is compared by references only.
/// </summary>
public abstract class ActorPath : IEquatable<ActorPath>, IComparable<ActorPath>
{
    /// <summary>What a name may hold besides ASCII letters and digits.</summary>
    public const string ValidSymbols = "\"-_.*$+:@&=,!~';()";

    private readonly int _hash;
    private string _text;
    private string _withoutAddress;
    private string[] _elements;

    protected ActorPath(Address address, string name)
    {
        Address = address;
        Name = name;
        _hash = HashCode.Combine(address, name);
    }

    protected ActorPath(ActorPath parentPath, string name, long uid)
    {
        Parent = parentPath;
        Address = parentPath.Address;
        Name = name;
        Uid = uid;
        Depth = parentPath.Depth + 1;
        _hash = HashCode.Combine(parentPath._hash, name);
    }

    public Address Address { get; }
    public string Name { get; }
    public ActorPath Parent { get; }
    public int Depth { get; }

    /// <summary>Which incarnation; 0 if any.</summary>
    public long Uid { get; }

    public ActorPath Root => ParentOf(0);

    /// <summary>The names from the root on; one empty name for the root itself.</summary>
    public IReadOnlyList<string> Elements => _elements ??= ElementsOf();

    private string[] ElementsOf()
    {
        if (Depth == 0) return [""];
        var elements = new string[Depth];
        for (ActorPath path = this; path.Depth > 0; path = path.Parent) elements[path.Depth - 1] = path.Name;
        return elements;
    }

    /// <summary>The ancestor at the given depth; a negative depth counts up from here.</summary>
    public ActorPath ParentOf(int depth)
    {
        int wanted = depth >= 0 ? depth : Math.Max(0, Depth + depth);
        ActorPath path = this;
        while (path.Depth > wanted) path = path.Parent;
        return path;
    }

    /// <summary>The path of a child; "name#uid" names an incarnation of it.</summary>
    public ActorPath Child(string childName)
    {
        int hash = childName.IndexOf('#');
        if (hash < 0) return new ChildActorPath(this, childName, 0);
        return long.TryParse(childName.AsSpan(hash + 1), NumberStyles.Integer, CultureInfo.InvariantCulture, out long uid)
            ? new ChildActorPath(this, childName[..hash], uid)
            : throw new UriFormatException($"'{childName}' names an actor, but what follows '#' is no number.");
    }

    public ActorPath WithUid(long uid) => Parent is null || uid == Uid ? this : new ChildActorPath(Parent, Name, uid);

    public static bool IsValidPathElement(string s) =>
        !string.IsNullOrEmpty(s) && s[0] != '$' && s.All(c => char.IsAsciiLetterOrDigit(c) || ValidSymbols.Contains(c) || c == '%');

    public static string FormatPathElements(IEnumerable<string> pathElements) => string.Join("/", pathElements);

    public static ActorPath Parse(string path) =>
        TryParse(path, out ActorPath parsed) ? parsed
        : throw new UriFormatException($"'{path}' is no actor path such as akka://system/user/name.");

    public static bool TryParse(string path, out ActorPath actorPath)
    {
        actorPath = null;
        return Address.TryParse(path, out Address address, out string rest) && TryParse(new RootActorPath(address), rest, out actorPath);
    }

    public static bool TryParse(ActorPath basePath, string absoluteUri, out ActorPath actorPath)
    {
        actorPath = basePath;
        foreach (string element in absoluteUri.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            int hash = element.IndexOf('#');
            if (hash >= 0 && !long.TryParse(element.AsSpan(hash + 1), NumberStyles.Integer, CultureInfo.InvariantCulture, out _)) return false;
            actorPath = actorPath.Child(element);
        }

        return true;
    }

    /// <summary>A fresh uid: never 0, which stands for any incarnation.</summary>
    internal static long NewUid() => RandomNumberGenerator.GetInt32(1, int.MaxValue);

    public string ToStringWithoutAddress() => _withoutAddress ??= "/" + (Depth == 0 ? Name : FormatPathElements(Elements));
    public string ToStringWithAddress() => ToString();
    public override string ToString() => _text ??= Address + ToStringWithoutAddress();
    public string ToStringWithUid() => ToString() + UidPart;

    public string ToStringWithAddress(Address address) => (Address.HasLocalScope ? address : Address) + ToStringWithoutAddress();

    /// <summary>The full form, with the uid: enough to find this incarnation from another system.</summary>
    public string ToSerializationFormat() => ToStringWithUid();

    public string ToSerializationFormatWithAddress(Address address) => ToStringWithAddress(address) + UidPart;

    private string UidPart => Uid == 0 ? "" : "#" + Uid.ToString(CultureInfo.InvariantCulture);

    public bool Equals(ActorPath other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is null || _hash != other._hash || Depth != other.Depth) return false;
        ActorPath left = this;
        while (left.Depth > 0)
        {
            if (ReferenceEquals(left, other)) return true;
            if (left.Name != other.Name) return false;
            left = left.Parent;
            other = other.Parent;
        }

        return left.Address == other.Address && left.Name == other.Name;
    }

    public override bool Equals(object obj) => obj is ActorPath other && Equals(other);
    public override int GetHashCode() => _hash;
    public int CompareTo(ActorPath other) => string.CompareOrdinal(ToString(), other?.ToString());

    public static bool operator ==(ActorPath left, ActorPath right) => left is null ? right is null : left.Equals(right);
    public static bool operator !=(ActorPath left, ActorPath right) => !(left == right);
    public static ActorPath operator /(ActorPath path, string name) => path.Child(name);
    public static ActorPath operator /(ActorPath path, IEnumerable<string> name) => name.Aggregate(path, (at, element) => at / element);
}

/// <summary>The root of a system's tree.</summary>
public sealed class RootActorPath(Address address, string name = "") : ActorPath(address, name);

/// <summary>A path below another.</summary>
public sealed class ChildActorPath(ActorPath parentPath, string name, long uid) : ActorPath(parentPath, name, uid);

/// <summary>Names for actors that were given none: "$a", "$b" … in base 64, lowest digit first.</summary>
internal static class GeneratedName
{
    private const string Digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+~";

    public static string Of(long number)
    {
        var name = new StringBuilder("$");
        do
        {
            name.Append(Digits[(int)(number & 63)]);
            number >>= 6;
        }
        while (number != 0);
        return name.ToString();
    }
}
