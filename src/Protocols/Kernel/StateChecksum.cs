using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// A checksum of a machine's whole state, the same on every replica that has the same state, in whatever order that keeps its items: the
/// sum of a hash of each (as Bellare and Micciancio's AdHash, EUROCRYPT 1997). It finds replicas that differ by accident; it is no
/// proof against somebody who makes them differ.
/// </summary>
/// <param name="Sum">Sum, modulo 2^128, of the first half of each item's SHA-256.</param>
/// <param name="Items">How many items were counted: keys, or segments where a machine has no smaller parts.</param>
/// <param name="Bytes">Bytes of all of them.</param>
public readonly record struct StateChecksum(UInt128 Sum, long Items, long Bytes)
{
    /// <summary>Of what is kept in segments whose order and bounds follow from the state.</summary>
    private const int SegmentBytes = 64 * 1024;

    /// <summary>Of a view that knows no better than its segments.</summary>
    public static StateChecksum OfSegments(IEnumerable<ReadOnlyMemory<byte>> segments)
    {
        StateChecksum sum = default;
        long number = 0;
        foreach (ReadOnlyMemory<byte> segment in segments)
            sum = sum.Add(BitConverter.GetBytes(number++), segment.Span);
        return sum;
    }

    /// <inheritdoc cref="OfSegments(IEnumerable{ReadOnlyMemory{byte}})"/>
    public static StateChecksum OfSegments(ICheckpointView view) => OfSegments(view.Segments(SegmentBytes));

    /// <summary>With one item more, of two parts; which bytes are of which part matters.</summary>
    public StateChecksum Add(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second) => Add(first, second, default);

    /// <summary>Likewise, with what is kept beside it and is not counted among the bytes; always of one length, or none.</summary>
    public StateChecksum Add(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> beside)
    {
        int length = sizeof(int) + first.Length + second.Length + beside.Length;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(length);
        BinaryPrimitives.WriteInt32LittleEndian(buffer, first.Length);
        first.CopyTo(buffer.AsSpan(sizeof(int)));
        second.CopyTo(buffer.AsSpan(sizeof(int) + first.Length));
        beside.CopyTo(buffer.AsSpan(sizeof(int) + first.Length + second.Length));
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(buffer.AsSpan(0, length), hash);
        ArrayPool<byte>.Shared.Return(buffer);
        return new StateChecksum(Sum + BinaryPrimitives.ReadUInt128BigEndian(hash), Items + 1, Bytes + first.Length + second.Length);
    }

    /// <summary>Of two parts of one state; which is which matters.</summary>
    public static StateChecksum operator +(StateChecksum first, StateChecksum second) =>
        new(UInt128.RotateLeft(first.Sum, 1) + second.Sum, first.Items + second.Items, first.Bytes + second.Bytes);

    public static StateChecksum Add(StateChecksum left, StateChecksum right) => left + right;

    public override string ToString() => Sum.ToString("x32", null);
}
