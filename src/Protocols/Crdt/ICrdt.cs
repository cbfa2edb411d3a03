namespace ActorRepl.Protocols.Crdt;

/// <summary>The kind of an encoded value, its first byte; never given another meaning.</summary>
public enum CrdtKind : byte
{
    GCounter = 1,
    PNCounter = 2,
    BoundedCounter = 3,
    GSet = 4,
    TwoPhaseSet = 5,
    Causal = 6,
    Text = 7,
    List = 8,
    TextDelta = 9,
    ListDelta = 10,
}

/// <summary>
/// A state-based CRDT with deltas (Shapiro et al., SSS 2011; Almeida, Shoker and Baquero, JPDC 2018): its states are a join semilattice, merging is the
/// join, and what changes it returns a delta, a small state of the same lattice. Merging is commutative, associative and idempotent, so states and deltas
/// may come late, twice and in any order.
/// <para>A value belongs to one thread; what is merged into it stays as it was and shares nothing with it that changes.</para>
/// </summary>
public interface ICrdt<TSelf> where TSelf : class, ICrdt<TSelf>
{
    static abstract CrdtKind Kind { get; }

    /// <summary>Becomes the join of both.</summary>
    void Merge(TSelf other);

    TSelf Copy();

    /// <summary>The same bytes for equal states, on every machine.</summary>
    void Write(CrdtWriter writer);

    /// <exception cref="InvalidDataException">What follows is no such value.</exception>
    static abstract TSelf Read(ref CrdtReader reader);
}

/// <summary>The whole of a value as bytes: kind (1), version (1), fields.</summary>
public static class CrdtCodec
{
    private const byte Version = 1;

    internal delegate void WriteFields(CrdtWriter writer);

    internal delegate TValue ReadFields<TValue>(ref CrdtReader reader);

    public static byte[] Encode<T>(T value) where T : class, ICrdt<T> => Encode(T.Kind, value.Write);

    /// <exception cref="InvalidDataException">The bytes are no <typeparamref name="T"/>, or are cut or damaged so that it shows.</exception>
    public static T Decode<T>(ReadOnlySpan<byte> bytes) where T : class, ICrdt<T> => Decode(T.Kind, bytes, T.Read);

    internal static byte[] Encode(CrdtKind kind, WriteFields write)
    {
        var writer = new CrdtWriter();
        writer.Byte((byte)kind);
        writer.Byte(Version);
        write(writer);
        return writer.ToArray();
    }

    internal static TValue Decode<TValue>(CrdtKind wanted, ReadOnlySpan<byte> bytes, ReadFields<TValue> read)
    {
        var reader = new CrdtReader(bytes);
        byte kind = reader.Byte(), version = reader.Byte();
        if (kind != (byte)wanted)
            throw new InvalidDataException($"a value of kind {(CrdtKind)kind} is where a {wanted} is wanted");
        if (version != Version)
            throw new InvalidDataException($"a {wanted} has version {version}; this build reads {Version}");
        TValue value = read(ref reader);
        reader.End();
        return value;
    }
}
