using System.Globalization;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

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
}

/// <summary>Which answers an operation waits for (Cassandra's consistency levels).</summary>
public readonly record struct Consistency(ConsistencyKind Kind, byte Owners = 0)
{
    public static readonly Consistency One = new(ConsistencyKind.Count, 1);
    public static readonly Consistency Two = new(ConsistencyKind.Count, 2);
    public static readonly Consistency Three = new(ConsistencyKind.Count, 3);
    public static readonly Consistency Quorum = new(ConsistencyKind.Quorum);
    public static readonly Consistency All = new(ConsistencyKind.All);
    public static readonly Consistency LocalQuorum = new(ConsistencyKind.LocalQuorum);
    public static readonly Consistency EachQuorum = new(ConsistencyKind.EachQuorum);
    public static readonly Consistency Any = new(ConsistencyKind.Any);

    internal const int EncodedSize = 2;

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

    public override string ToString() => Kind == ConsistencyKind.Count ? Owners.ToString(CultureInfo.InvariantCulture) : Kind.ToString();

    internal void Encode(ref ByteWriter writer)
    {
        writer.Byte((byte)Kind);
        writer.Byte(Owners);
    }

    /// <exception cref="InvalidDataException">The bytes are no level.</exception>
    internal static Consistency Decode(ref ByteReader reader)
    {
        var kind = (ConsistencyKind)reader.Byte();
        byte owners = reader.Byte();
        return kind <= ConsistencyKind.Any ? new Consistency(kind, owners) : throw new InvalidDataException($"{(byte)kind} is no consistency level");
    }

    private static bool HasMajority(IReadOnlyList<ReplicaId> of, IReadOnlySet<ReplicaId> answered) => of.Count > 0 && of.Count(answered.Contains) > of.Count / 2;
}
