using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Versions;

/// <summary>
/// Who numbers writes: a replica on one disk. A replica that lost its disk goes on under another generation, because it no longer knows which numbers
/// it has given.
/// </summary>
public readonly record struct VersionSource(ReplicaId Replica, uint Generation = 0) : IComparable<VersionSource>
{
    internal const int EncodedSize = sizeof(int) + sizeof(uint);

    public int CompareTo(VersionSource other) => Replica != other.Replica ? Replica.CompareTo(other.Replica) : Generation.CompareTo(other.Generation);

    public override string ToString() => Generation == 0 ? $"{Replica}" : $"{Replica}.{Generation:x}";

    public static bool operator <(VersionSource left, VersionSource right) => left.CompareTo(right) < 0;
    public static bool operator >(VersionSource left, VersionSource right) => left.CompareTo(right) > 0;
    public static bool operator <=(VersionSource left, VersionSource right) => left.CompareTo(right) <= 0;
    public static bool operator >=(VersionSource left, VersionSource right) => left.CompareTo(right) >= 0;

    internal void Encode(ref ByteWriter writer)
    {
        writer.Int32(Replica.Value);
        writer.UInt32(Generation);
    }

    internal static VersionSource Decode(ref ByteReader reader) => new(new ReplicaId(reader.Int32()), reader.UInt32());
}

/// <summary>One write, by the source that coordinated it and that source's number for it, from 1. No two writes of one key have the same.</summary>
public readonly record struct Dot(VersionSource Source, long Counter) : IComparable<Dot>
{
    internal const int EncodedSize = VersionSource.EncodedSize + sizeof(long);

    public int CompareTo(Dot other) => Source != other.Source ? Source.CompareTo(other.Source) : Counter.CompareTo(other.Counter);

    public override string ToString() => $"{Source}:{Counter}";

    public static bool operator <(Dot left, Dot right) => left.CompareTo(right) < 0;
    public static bool operator >(Dot left, Dot right) => left.CompareTo(right) > 0;
    public static bool operator <=(Dot left, Dot right) => left.CompareTo(right) <= 0;
    public static bool operator >=(Dot left, Dot right) => left.CompareTo(right) >= 0;

    internal void Encode(ref ByteWriter writer)
    {
        Source.Encode(ref writer);
        writer.Int64(Counter);
    }

    /// <exception cref="InvalidDataException">The bytes are no dot.</exception>
    internal static Dot Decode(ref ByteReader reader)
    {
        var dot = new Dot(VersionSource.Decode(ref reader), reader.Int64());
        if (dot.Source.Replica.Value < 1 || dot.Counter < 1)
            throw new InvalidDataException($"a dot is {dot.Source.Replica.Value}:{dot.Counter}; replicas and writes are numbered from 1");
        return dot;
    }
}
