using System.Globalization;

namespace ActorRepl.Protocols.Kernel;

public enum ConsistencyKind : byte
{
    /// <summary>As the group says.</summary>
    Default = 0,

    /// <summary>So many owners.</summary>
    Count = 1,

    /// <summary>More than half of all owners.</summary>
    Quorum = 2,

    All = 3,

    /// <summary>More than half of the owners in the coordinator's region.</summary>
    LocalQuorum = 4,

    /// <summary>More than half of the owners in each region.</summary>
    EachQuorum = 5,

    /// <summary>Writes: one owner, or one stand-in that keeps a hint for one. A hint counts here and nowhere else.</summary>
    Any = 6,

    /// <summary>Reads: in one order with conditional writes of the key (Cassandra's SERIAL), by more than half of all owners.</summary>
    Serial = 7,
}

/// <summary>Which answers an operation waits for (Cassandra's consistency levels).</summary>
public readonly record struct ConsistencyLevel(ConsistencyKind Kind, byte Owners = 0)
{
    public static readonly ConsistencyLevel One = new(ConsistencyKind.Count, 1);
    public static readonly ConsistencyLevel Two = new(ConsistencyKind.Count, 2);
    public static readonly ConsistencyLevel Three = new(ConsistencyKind.Count, 3);
    public static readonly ConsistencyLevel Quorum = new(ConsistencyKind.Quorum);
    public static readonly ConsistencyLevel All = new(ConsistencyKind.All);
    public static readonly ConsistencyLevel LocalQuorum = new(ConsistencyKind.LocalQuorum);
    public static readonly ConsistencyLevel EachQuorum = new(ConsistencyKind.EachQuorum);
    public static readonly ConsistencyLevel Any = new(ConsistencyKind.Any);
    public static readonly ConsistencyLevel Serial = new(ConsistencyKind.Serial);

    /// <summary>What <see cref="TryParse"/> takes, for people.</summary>
    public const string Texts = "one, two, three, quorum, all, local-quorum, each-quorum, any, serial, or a number of replicas";

    private static readonly Dictionary<string, ConsistencyLevel> Named = new(StringComparer.OrdinalIgnoreCase)
    {
        ["one"] = One, ["two"] = Two, ["three"] = Three, ["quorum"] = Quorum, ["all"] = All, ["localquorum"] = LocalQuorum, ["eachquorum"] = EachQuorum, ["any"] = Any,
        ["serial"] = Serial,
    };

    /// <summary>So many owners, 1 to 63.</summary>
    public static ConsistencyLevel Of(int owners) => owners is >= 1 and <= Membership.MaxMembers
        ? new ConsistencyLevel(ConsistencyKind.Count, (byte)owners)
        : throw new ArgumentOutOfRangeException(nameof(owners), owners, $"1 to {Membership.MaxMembers} owners can be asked for");

    /// <summary>Reads what people write: a name in any case, its words apart by '-', '_' or nothing, or a number.</summary>
    public static bool TryParse(string text, out ConsistencyLevel level)
    {
        if (Named.TryGetValue(text.Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal), out level))
            return true;
        bool isNumber = byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out byte owners) && owners is >= 1 and <= Membership.MaxMembers;
        level = isNumber ? new ConsistencyLevel(ConsistencyKind.Count, owners) : default;
        return isNumber;
    }

    /// <summary>Bytes on the wire.</summary>
    public const int EncodedSize = 2;

    /// <summary>The group's own is meant.</summary>
    public bool IsDefault => Kind == ConsistencyKind.Default;

    /// <summary>Enough of these owners have answered.</summary>
    /// <param name="owners">All owners of the key.</param>
    /// <param name="answered">Those of them that did what was asked.</param>
    /// <param name="regionOf">Where each is.</param>
    /// <param name="local">The coordinator's region.</param>
    internal bool IsMet(IReadOnlyList<ReplicaId> owners, IReadOnlySet<ReplicaId> answered, Func<ReplicaId, string> regionOf, string local)
    {
        switch (Kind)
        {
            case ConsistencyKind.Count:
                return owners.Count(answered.Contains) >= Owners;
            case ConsistencyKind.Quorum:
                return HasMajority(owners, answered);
            case ConsistencyKind.All:
                return owners.All(answered.Contains);
            case ConsistencyKind.LocalQuorum:
                return HasMajority([.. owners.Where(owner => regionOf(owner) == local)], answered);
            case ConsistencyKind.EachQuorum:
                return owners.GroupBy(regionOf).All(region => HasMajority([.. region], answered));
            case ConsistencyKind.Any:
                return owners.Any(answered.Contains);
            default:
                throw new InvariantViolationException("a level that is asked for is settled first");
        }
    }

    /// <summary>Why so many owners can never meet it; null: they can.</summary>
    internal string? Impossible(IReadOnlyList<ReplicaId> owners, Func<ReplicaId, string> regionOf, string local) => Kind switch
    {
        ConsistencyKind.Count when Owners < 1 || Owners > owners.Count => $"{this} is asked for; a key has {owners.Count} owners",
        ConsistencyKind.LocalQuorum when owners.All(owner => regionOf(owner) != local) => $"{this} is asked for; the key has no owner in region '{local}'",
        _ => null,
    };

    /// <summary>As <see cref="TryParse"/> takes it and people write it.</summary>
    public string Text => Kind switch
    {
        ConsistencyKind.LocalQuorum => "local-quorum",
        ConsistencyKind.EachQuorum => "each-quorum",
        _ => ToString().ToLowerInvariant(),
    };

    public override string ToString() => Kind == ConsistencyKind.Count ? Owners.ToString(CultureInfo.InvariantCulture) : Kind.ToString();

    public void Encode(ref ByteWriter writer)
    {
        writer.Byte((byte)Kind);
        writer.Byte(Owners);
    }

    /// <exception cref="InvalidDataException">The bytes are no level.</exception>
    public static ConsistencyLevel Decode(ref ByteReader reader)
    {
        var kind = (ConsistencyKind)reader.Byte();
        byte owners = reader.Byte();
        return kind <= ConsistencyKind.Serial ? new ConsistencyLevel(kind, owners) : throw new InvalidDataException($"{(byte)kind} is no consistency level");
    }

    private static bool HasMajority(IReadOnlyList<ReplicaId> of, IReadOnlySet<ReplicaId> answered) => of.Count > 0 && of.Count(answered.Contains) > of.Count / 2;
}
