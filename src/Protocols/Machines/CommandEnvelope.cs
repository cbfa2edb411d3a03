using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Names one command of a client's session. Sequences start at 1; every command below <see cref="FirstIncomplete"/> has
/// been answered and its result may be forgotten. Sequence 0 opens a session.
/// </summary>
public readonly record struct SessionStamp(Guid Client, long Sequence, long FirstIncomplete)
{
    /// <summary>
    /// The log index of the command that opened the session (Ongaro, dissertation, §6.3: RegisterClient). One that was forgotten is never taken for
    /// another, however late its commands come. 0: it was not opened; its first command does that, and a late copy of it would do so again.
    /// </summary>
    public long OpenedAt { get; init; }

    public bool Opens => Sequence == 0;
}

/// <summary>What became of a session's command: the byte in front of its result.</summary>
public enum SessionStatus : byte
{
    /// <summary>Applied, now or when it was first sent; the command's result follows.</summary>
    Applied = 0,

    /// <summary>The session is not known here any more: whether the command has been applied before is unknown. Nothing was done now.</summary>
    Expired = 1,

    /// <summary>The sequence is below one the client itself has declared complete. Nothing was done.</summary>
    Stale = 2,

    /// <summary>Too many commands of the session are incomplete. Nothing was done.</summary>
    TooManyIncomplete = 3,

    /// <summary>The payload is no envelope. Nothing was done.</summary>
    Malformed = 4,
}

/// <summary>
/// The payload a <see cref="SessionMachine"/> takes. Flag 0: the command follows. Flag 1: client id (16 bytes,
/// big-endian), sequence (8), first incomplete (8), then the command. Flag 2: a mark (16 bytes), which changes nothing. Flag 3: client id;
/// opens a session, and the result is the log index (8). Flag 4: as 1, with that index behind the client id. Little-endian otherwise.
/// </summary>
public static class CommandEnvelope
{
    private const byte Bare = 0;
    private const byte Session = 1;
    private const byte Marked = 2;
    private const byte Opening = 3;
    private const byte OpenedSession = 4;
    private const int GuidSize = 16;
    private const int SessionHeader = sizeof(byte) + GuidSize + 2 * sizeof(long);

    /// <summary>A command of no session: sent again, it is a new command.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> command)
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(sizeof(byte) + command.Length);
        bytes[0] = Bare;
        command.CopyTo(bytes.AsSpan(sizeof(byte)));
        return bytes;
    }

    /// <summary>A command of a session: applied once, however often it is sent.</summary>
    public static byte[] Encode(in SessionStamp stamp, ReadOnlySpan<byte> command)
    {
        bool isOpened = stamp.OpenedAt > 0;
        byte[] bytes = GC.AllocateUninitializedArray<byte>(SessionHeader + (isOpened ? sizeof(long) : 0) + command.Length);
        bytes[0] = isOpened ? OpenedSession : Session;
        stamp.Client.TryWriteBytes(bytes.AsSpan(sizeof(byte)), bigEndian: true, out _);
        var writer = new ByteWriter(bytes.AsSpan(sizeof(byte) + GuidSize));
        if (isOpened)
            writer.Int64(stamp.OpenedAt);
        writer.Int64(stamp.Sequence);
        writer.Int64(stamp.FirstIncomplete);
        writer.Raw(command);
        return bytes;
    }

    /// <summary>Opens a session, or says where that was done, as long as the session is known.</summary>
    public static byte[] Open(Guid client)
    {
        byte[] bytes = new byte[sizeof(byte) + GuidSize];
        bytes[0] = Opening;
        client.TryWriteBytes(bytes.AsSpan(sizeof(byte)), bigEndian: true, out _);
        return bytes;
    }

    /// <summary>Where a session was opened, from the result of <see cref="Open"/> without its status.</summary>
    /// <exception cref="InvalidDataException">The result is no such.</exception>
    public static long DecodeOpened(ReadOnlyMemory<byte> result)
    {
        var reader = new ByteReader(result);
        long index = reader.Int64();
        reader.End();
        return index;
    }

    /// <summary>A place in the log that replicas can tell from all others.</summary>
    public static byte[] Mark(Guid mark)
    {
        byte[] bytes = new byte[sizeof(byte) + GuidSize];
        bytes[0] = Marked;
        mark.TryWriteBytes(bytes.AsSpan(sizeof(byte)), bigEndian: true, out _);
        return bytes;
    }

    public static bool IsMark(ReadOnlySpan<byte> payload) => payload.Length == sizeof(byte) + GuidSize && payload[0] == Marked;

    /// <summary>Splits a payload into its stamp, null for a command of no session, and its command.</summary>
    /// <exception cref="InvalidDataException">The payload is no envelope.</exception>
    public static ReadOnlyMemory<byte> Decode(ReadOnlyMemory<byte> payload, out SessionStamp? stamp)
    {
        var reader = new ByteReader(payload);
        byte flag = reader.Byte();
        stamp = null;
        switch (flag)
        {
            case Bare:
                break;
            case Opening:
                stamp = new SessionStamp(new Guid(reader.Raw(GuidSize).Span, bigEndian: true), 0, 0);
                reader.End();
                break;
            case Session or OpenedSession:
                var client = new Guid(reader.Raw(GuidSize).Span, bigEndian: true);
                long openedAt = flag == OpenedSession ? reader.Int64() : 0;
                stamp = new SessionStamp(client, reader.Int64(), reader.Int64()) { OpenedAt = openedAt };
                if (stamp.Value.FirstIncomplete < 1 || stamp.Value.Sequence < stamp.Value.FirstIncomplete || openedAt < 0 || (flag == OpenedSession && openedAt == 0))
                    throw new InvalidDataException($"sequence {stamp.Value.Sequence} with {stamp.Value.FirstIncomplete} as the first incomplete, of a session opened at {openedAt}");
                break;
            default:
                throw new InvalidDataException($"unknown envelope flag {flag}");
        }

        return reader.Raw(reader.Remaining);
    }

    /// <summary>Splits the result of a session's command into its status and the command's own result, empty unless applied.</summary>
    /// <exception cref="InvalidDataException">The result is empty or its status unknown.</exception>
    public static ReadOnlyMemory<byte> DecodeResult(ReadOnlyMemory<byte> result, out SessionStatus status)
    {
        status = (SessionStatus)new ByteReader(result).Byte();
        if (status > SessionStatus.Malformed)
            throw new InvalidDataException($"unknown session status {(byte)status}");
        return result[1..];
    }
}
