using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>Walks a payload; see <see cref="KeyValueCodec.Operations"/>.</summary>
public struct KeyValueOperationReader
{
    private ByteReader _reader;

    internal KeyValueOperationReader(ReadOnlyMemory<byte> payload)
    {
        _reader = new ByteReader(payload);
        Version = _reader.Byte();
        if (Version is < KeyValueCodec.OldestVersion or > KeyValueCodec.Version)
            throw new InvalidDataException($"a key-value payload has version {Version}; this build reads {KeyValueCodec.OldestVersion} to {KeyValueCodec.Version}");
    }

    internal byte Version { get; }

    /// <summary>Where in the payload the next operation begins.</summary>
    internal readonly int Position => _reader.Position;

    /// <summary>Reads the next operation; false at the end.</summary>
    /// <exception cref="InvalidDataException">What follows is no operation.</exception>
    public bool Next(out KeyValueOperation operation)
    {
        operation = default;
        if (_reader.Remaining == 0)
            return false;
        var kind = (KeyValueOperationKind)_reader.Byte();
        operation = kind switch
        {
            KeyValueOperationKind.Get or KeyValueOperationKind.Delete or KeyValueOperationKind.Exists or KeyValueOperationKind.StringLength =>
                new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader)),
            KeyValueOperationKind.Set or KeyValueOperationKind.Append =>
                new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader), KeyValueCodec.ReadBytes(ref _reader)),
            KeyValueOperationKind.IncrementBy =>
                new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader), Amount: _reader.Int64()),
            KeyValueOperationKind.CompareAndSet => ReadCompareAndSet(),
            KeyValueOperationKind.Count => new KeyValueOperation(kind, default),
            _ when Version > KeyValueCodec.OldestVersion => ReadLater(kind),
            _ => throw Unknown(kind),
        };
        return true;
    }

    /// <summary>An operation of version 2 on.</summary>
    private KeyValueOperation ReadLater(KeyValueOperationKind kind)
    {
        switch (kind)
        {
            case KeyValueOperationKind.GetEntry or KeyValueOperationKind.GetDelete or KeyValueOperationKind.ExpiresAt or KeyValueOperationKind.VersionOf:
                return new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader));
            case KeyValueOperationKind.Put:
                return new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader), KeyValueCodec.ReadBytes(ref _reader), Terms: KeyValueTerms.Read(ref _reader));
            case KeyValueOperationKind.GetExpire or KeyValueOperationKind.Expire or KeyValueOperationKind.DeleteIf:
                return new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader), Terms: KeyValueTerms.Read(ref _reader));
            case KeyValueOperationKind.GetRange or KeyValueOperationKind.Changes:
                return new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader), Amount: _reader.Int64(), Last: _reader.Int64());
            case KeyValueOperationKind.SetRange:
                return new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader), KeyValueCodec.ReadBytes(ref _reader), Amount: _reader.Int64());
            case KeyValueOperationKind.Rename or KeyValueOperationKind.RenameIfMissing or KeyValueOperationKind.IncrementByDecimal:
                return new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader), KeyValueCodec.ReadBytes(ref _reader));
            case KeyValueOperationKind.Scan or KeyValueOperationKind.ScanEntries:
                ReadOnlyMemory<byte> from = KeyValueCodec.ReadBytes(ref _reader);
                ReadOnlyMemory<byte>? until = null;
                if (_reader.Bool())
                    until = KeyValueCodec.ReadBytes(ref _reader);
                return new KeyValueOperation(kind, from, Expected: until, Amount: _reader.Int64());
            case KeyValueOperationKind.Atomic:
                return new KeyValueOperation(kind, default, KeyValueCodec.ReadBytes(ref _reader), Amount: _reader.Int64());
            case KeyValueOperationKind.AsOf:
                return new KeyValueOperation(kind, default, Amount: _reader.Int64());
            default:
                throw Unknown(kind);
        }
    }

    private readonly InvalidDataException Unknown(KeyValueOperationKind kind) => new($"unknown key-value operation {(byte)kind} at byte {_reader.Position - 1}");

    private KeyValueOperation ReadCompareAndSet()
    {
        ReadOnlyMemory<byte> key = KeyValueCodec.ReadBytes(ref _reader);
        ReadOnlyMemory<byte>? expected = null;
        if (_reader.Bool())
            expected = KeyValueCodec.ReadBytes(ref _reader);
        return new KeyValueOperation(KeyValueOperationKind.CompareAndSet, key, KeyValueCodec.ReadBytes(ref _reader), expected);
    }
}
