using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>Walks a result; see <see cref="KeyValueCodec.Replies"/>.</summary>
public struct KeyValueReplyReader
{
    private ByteReader _reader;

    private readonly ReadOnlyMemory<byte> _result;

    internal KeyValueReplyReader(ReadOnlyMemory<byte> result)
    {
        _result = result;
        _reader = new ByteReader(result);
    }

    /// <summary>Where in the result the next reply begins.</summary>
    internal readonly int Position => _reader.Position;

    /// <summary>Bytes of all the replies, those that were read too.</summary>
    public readonly int Length => _result.Length;

    /// <summary>A reader of what is left, in bytes of its own.</summary>
    public readonly KeyValueReplyReader Copy() => new(_result[_reader.Position..].ToArray());

    /// <summary>Passes over this many replies, or as many as there are, and returns a reader of those alone.</summary>
    /// <exception cref="InvalidDataException">What follows is no reply.</exception>
    public KeyValueReplyReader Take(int replies)
    {
        int start = _reader.Position;
        while (replies-- > 0 && Next(out _))
        {
        }

        return new KeyValueReplyReader(_result[start.._reader.Position]);
    }

    /// <summary>Reads the next reply; false at the end.</summary>
    /// <exception cref="InvalidDataException">What follows is no reply.</exception>
    public bool Next(out KeyValueReply reply)
    {
        reply = default;
        if (_reader.Remaining == 0)
            return false;
        var kind = (KeyValueReplyKind)_reader.Byte();
        reply = kind switch
        {
            KeyValueReplyKind.Nil or KeyValueReplyKind.Ok or KeyValueReplyKind.Full or KeyValueReplyKind.Due or KeyValueReplyKind.Skipped => new KeyValueReply(kind),
            KeyValueReplyKind.Bytes or KeyValueReplyKind.Error => new KeyValueReply(kind, KeyValueCodec.ReadBytes(ref _reader)),
            KeyValueReplyKind.Integer or KeyValueReplyKind.Compacted => new KeyValueReply(kind, Integer: _reader.Int64()),
            KeyValueReplyKind.Entry => new KeyValueReply(kind, Version: _reader.Int64(), ExpiresAt: _reader.Int64(), Bytes: KeyValueCodec.ReadBytes(ref _reader)),
            KeyValueReplyKind.Page or KeyValueReplyKind.Changes => new KeyValueReply(kind, Integer: _reader.Int64(), Bytes: KeyValueCodec.ReadBytes(ref _reader)),
            _ => throw new InvalidDataException($"unknown key-value reply {(byte)kind} at byte {_reader.Position - 1}"),
        };
        return true;
    }
}
