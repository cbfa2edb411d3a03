using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// An element of a set, a key of a map, the value of a register: bytes that mean nothing here, equal and ordered byte by byte. A string is its UTF-8.
/// The bytes are not copied and must not change.
/// </summary>
public readonly struct Datum : IEquatable<Datum>, IComparable<Datum>
{
    private readonly byte[]? _bytes;

    /// <exception cref="ArgumentException">More than <see cref="CrdtLimits.DatumBytes"/>.</exception>
    public Datum(byte[] bytes)
    {
        if (bytes.Length > CrdtLimits.DatumBytes)
            throw new ArgumentException($"an element, key or value has {bytes.Length} bytes; at most {CrdtLimits.DatumBytes} are allowed", nameof(bytes));
        _bytes = bytes;
    }

    public ReadOnlyMemory<byte> Memory => _bytes;

    public ReadOnlySpan<byte> Span => _bytes;

    public int Length => _bytes?.Length ?? 0;

    public bool Equals(Datum other) => ReferenceEquals(_bytes, other._bytes) || Span.SequenceEqual(other.Span);

    public int CompareTo(Datum other) => Span.SequenceCompareTo(other.Span);

    public override bool Equals(object? obj) => obj is Datum other && Equals(other);

    /// <summary>Another one in each process; nothing that is encoded depends on it.</summary>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Span);
        return hash.ToHashCode();
    }

    public override string ToString() => Encoding.UTF8.GetString(Span);

    public static implicit operator Datum(string text) => new(Encoding.UTF8.GetBytes(text));

    public static bool operator ==(Datum left, Datum right) => left.Equals(right);
    public static bool operator !=(Datum left, Datum right) => !left.Equals(right);
    public static bool operator <(Datum left, Datum right) => left.CompareTo(right) < 0;
    public static bool operator >(Datum left, Datum right) => left.CompareTo(right) > 0;
    public static bool operator <=(Datum left, Datum right) => left.CompareTo(right) <= 0;
    public static bool operator >=(Datum left, Datum right) => left.CompareTo(right) >= 0;
}
