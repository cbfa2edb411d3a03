using System.Buffers;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>Limits of a <see cref="SessionMachine"/>. They decide results, so all replicas of a group must have the same.</summary>
public sealed record SessionOptions
{
    /// <summary>A session that has sent nothing for this long, by the wall clock in the log, is forgotten, µs.</summary>
    public long ExpiryMicros { get; init; } = 3_600L * Instant.Second;

    /// <summary>
    /// Sessions that are kept; the one used longest ago makes room for a new one. For clients that do not open their sessions, more than come
    /// while a command is tried again: such a session whose very first command is tried again after it was forgotten passes for a new one.
    /// </summary>
    public int MaxSessions { get; init; } = 65_536;

    /// <summary>Commands of one session that may be incomplete together.</summary>
    public int MaxIncomplete { get; init; } = 1_024;

    /// <summary>Bytes of all kept results; above it, sessions used longest ago are forgotten.</summary>
    public long MaxResultBytes { get; init; } = 64L << 20;
}

/// <summary>
/// Applies what a client sends again only once (Ongaro, dissertation, §6.3). Wraps any machine; takes payloads of
/// <see cref="CommandEnvelope"/> and hands on the commands in them. Results of commands without a session are the inner
/// machine's own; those of sessions carry a <see cref="SessionStatus"/> in front. Queries go through as they are.
/// </summary>
/// <param name="inner">The machine.</param>
/// <param name="options">Limits of sessions.</param>
/// <param name="apply">How many commands at once are applied, where the machine names their keys; null: one by one.</param>
public sealed partial class SessionMachine(IStateMachine inner, SessionOptions? options = null, ApplyOptions? apply = null) : IBatchStateMachine
{
    private readonly SessionTable _sessions = new(options ?? new SessionOptions());

    public long ApproximateBytes => inner.ApproximateBytes + _sessions.ApproximateBytes;

    public bool EndsWithTime => inner.EndsWithTime;

    /// <summary>Sessions that are known.</summary>
    public int SessionCount => _sessions.Count;

    /// <summary>Commands that came again and were answered from a kept result, since this machine was made.</summary>
    public long Repeats => _sessions.Repeats;

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
    {
        if (CommandEnvelope.IsMark(command.Payload.Span))
            return default;
        ReadOnlyMemory<byte> payload;
        SessionStamp? stamp;
        try
        {
            payload = CommandEnvelope.Decode(command.Payload, out stamp);
        }
        catch (InvalidDataException)
        {
            return new[] { (byte)SessionStatus.Malformed };
        }

        var bare = command with { Payload = payload };
        return stamp is null ? inner.Apply(bare) : Apply(stamp.Value, bare);
    }

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => inner.Query(query);

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query, long wall) => inner.Query(query, wall);

    public ICheckpointView BeginCheckpoint() => new View(_sessions.Freeze(), inner.BeginCheckpoint());

    public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
    {
        using IEnumerator<ReadOnlyMemory<byte>> all = segments.GetEnumerator();
        _sessions.Restore(all);
        inner.Restore(Rest(all));
    }

    private byte[] Apply(in SessionStamp stamp, in AppliedCommand command)
    {
        SessionStatus status = _sessions.Begin(stamp, command.Index, command.Wall, out byte[]? kept);
        if (kept is not null)
            return kept;
        if (status != SessionStatus.Applied)
            return [(byte)status];

        byte[] stamped = Stamped(inner.Apply(command).Span);
        _sessions.Complete(stamp, stamped);
        return stamped;
    }

    private static byte[] Stamped(ReadOnlySpan<byte> result)
    {
        byte[] stamped = GC.AllocateUninitializedArray<byte>(sizeof(byte) + result.Length);
        stamped[0] = (byte)SessionStatus.Applied;
        result.CopyTo(stamped.AsSpan(sizeof(byte)));
        return stamped;
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Rest(IEnumerator<ReadOnlyMemory<byte>> all)
    {
        while (all.MoveNext())
            yield return all.Current;
    }

    private sealed class View(SessionTable.Frozen sessions, ICheckpointView machine) : ICheckpointView, IWrappedView
    {
        public ICheckpointView Inner => machine;

        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes) => sessions.Segments(maxBytes).Concat(machine.Segments(maxBytes));

        public StateChecksum Checksum() => StateChecksum.OfSegments(sessions.Segments(64 * 1024)) + machine.Checksum();

        public void Dispose() => machine.Dispose();
    }
}
