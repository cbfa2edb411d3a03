using System.Buffers.Binary;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// A key and its versions as a store keeps them: one array, which does not change, so that a collector that moves what is new has one thing to move. They are decoded when they
/// are wanted, since most of what is asked travels as it lies here.
/// <para>Layout: CRC-32C of all that follows (4), index (8), deleted (8), fingerprint of the versions (16), length of the key (4), key, versions.</para>
/// </summary>
internal readonly struct StoredKey
{
    private const int IndexAt = sizeof(uint);
    private const int DeletedAt = IndexAt + sizeof(long);
    private const int PrintAt = DeletedAt + sizeof(long);
    private const int LengthAt = PrintAt + 16;
    private const int KeyAt = LengthAt + sizeof(int);

    private readonly byte[] _bytes;

    public StoredKey(ReadOnlySpan<byte> key, IReadOnlyList<ReplicaId> peers, long index, KeyVersions versions)
    {
        _bytes = GC.AllocateUninitializedArray<byte>(KeyAt + key.Length + versions.EncodedSize);
        Peers = peers;
        Span<byte> data = _bytes.AsSpan(KeyAt + key.Length);
        var writer = new ByteWriter(data);
        versions.Encode(ref writer);
        key.CopyTo(_bytes.AsSpan(KeyAt));
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(IndexAt), index);
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(DeletedAt), versions.IsDeleted ? versions.SinceMicros : -1);
        BinaryPrimitives.WriteUInt128LittleEndian(_bytes.AsSpan(PrintAt), MixingHash.Of(data));
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(LengthAt), key.Length);
        Seal();
    }

    private StoredKey(byte[] bytes, IReadOnlyList<ReplicaId> peers) => (_bytes, Peers) = (bytes, peers);

    /// <summary>The other owners, with each of whom a tree is kept.</summary>
    public IReadOnlyList<ReplicaId> Peers { get; }

    /// <summary>That of the log at which it last changed.</summary>
    public long Index => BinaryPrimitives.ReadInt64LittleEndian(_bytes.AsSpan(IndexAt));

    /// <summary>Since when it is deleted, µs; below 0: it is not.</summary>
    public long Deleted => BinaryPrimitives.ReadInt64LittleEndian(_bytes.AsSpan(DeletedAt));

    /// <summary>The fingerprint of the versions, as trees have it.</summary>
    public UInt128 Print => BinaryPrimitives.ReadUInt128LittleEndian(_bytes.AsSpan(PrintAt));

    public ReadOnlyMemory<byte> Key => _bytes.AsMemory(KeyAt, KeyLength);

    /// <summary>The versions, as they are encoded.</summary>
    public ReadOnlyMemory<byte> Data => _bytes.AsMemory(KeyAt + KeyLength);

    /// <summary>Of key and versions.</summary>
    public int Bytes => _bytes.Length - KeyAt;

    public KeyVersions Versions
    {
        get
        {
            var reader = new ByteReader(Data);
            return KeyVersions.Decode(ref reader);
        }
    }

    private int KeyLength => BinaryPrimitives.ReadInt32LittleEndian(_bytes.AsSpan(LengthAt));

    /// <summary>Before it is used for anything.</summary>
    /// <exception cref="DamagedMemoryException">It is not what was put here.</exception>
    public StoredKey Checked() => Crc32C.Compute(_bytes.AsSpan(IndexAt)) == BinaryPrimitives.ReadUInt32LittleEndian(_bytes)
        ? this
        : throw new DamagedMemoryException(_bytes.AsMemory(KeyAt, Math.Clamp(KeyLength, 0, Bytes)), Bytes);

    /// <summary>The same with other owners, as of an index.</summary>
    /// <exception cref="DamagedMemoryException">It is not what was put here: a new checksum would hide that.</exception>
    public StoredKey With(IReadOnlyList<ReplicaId> owners, long index)
    {
        var other = new StoredKey([.. Checked()._bytes], owners);
        BinaryPrimitives.WriteInt64LittleEndian(other._bytes.AsSpan(IndexAt), index);
        other.Seal();
        return other;
    }

    private void Seal() => BinaryPrimitives.WriteUInt32LittleEndian(_bytes, Crc32C.Compute(_bytes.AsSpan(IndexAt)));
}
