using System.Buffers;
using System.Buffers.Binary;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// The sessions of a <see cref="SessionMachine"/> and the results they may still ask for. Everything here follows from
/// the log alone, the order in which sessions are forgotten included.
/// </summary>
internal sealed class SessionTable(SessionOptions options)
{
    private const byte SegmentVersion = 2;
    private const byte SegmentWithoutOpenings = 1;
    private const int SessionOverhead = 160;
    private const int ResultOverhead = 64;

    private readonly Dictionary<Guid, Session> _sessions = [];

    // Uses in log order; a session's latest use is its valid one, the others are passed over.
    private readonly Queue<(long Index, Guid Client)> _uses = new();
    private long _resultBytes;
    private long _time;
    private int _epoch;

    public int Count => _sessions.Count;

    public long Repeats { get; private set; }

    public long ApproximateBytes => _resultBytes + (long)_sessions.Count * SessionOverhead;

    /// <summary>
    /// Finds out what to do with a command: <see cref="SessionStatus.Applied"/> without a kept result means apply it and
    /// call <see cref="Complete"/>.
    /// </summary>
    public SessionStatus Begin(in SessionStamp stamp, long index, long wall, out byte[]? kept)
    {
        kept = null;
        _time = Math.Max(_time, wall);
        ForgetExpired();
        if (!_sessions.TryGetValue(stamp.Client, out Session? session))
        {
            if (stamp.OpenedAt > 0 || stamp.FirstIncomplete > 1)
                return SessionStatus.Expired;
            session = new Session(_epoch) { OpenedAt = stamp.Opens ? index : 0 };
            _sessions.Add(stamp.Client, session);
        }
        else if (session.OpenedAt != stamp.OpenedAt && !stamp.Opens)
        {
            return SessionStatus.Expired;
        }

        session = Writable(stamp.Client, session);
        session.LastIndex = index;
        session.LastTime = _time;
        Use(index, stamp.Client);
        ForgetAboveLimits();
        if (stamp.Opens)
        {
            kept = Opened(session.OpenedAt);
            return SessionStatus.Applied;
        }

        ForgetCompleted(session, stamp.FirstIncomplete);
        if (stamp.Sequence < session.FirstIncomplete)
            return SessionStatus.Stale;
        if (session.Results.TryGetValue(stamp.Sequence, out kept))
        {
            Repeats++;
            return SessionStatus.Applied;
        }

        return stamp.Sequence - session.FirstIncomplete >= options.MaxIncomplete ? SessionStatus.TooManyIncomplete : SessionStatus.Applied;
    }

    /// <summary>The result of a command that opens a session.</summary>
    private static byte[] Opened(long index)
    {
        byte[] result = new byte[sizeof(byte) + sizeof(long)];
        result[0] = (byte)SessionStatus.Applied;
        BinaryPrimitives.WriteInt64LittleEndian(result.AsSpan(sizeof(byte)), index);
        return result;
    }

    public void Complete(in SessionStamp stamp, byte[] result)
    {
        _sessions[stamp.Client].Results.Add(stamp.Sequence, result);
        _resultBytes += result.Length + ResultOverhead;
        ForgetAboveLimits();
    }

    /// <summary>
    /// Whether what <see cref="Begin"/> does here and now follows from who is used, and not from results that are still to come.
    /// False: it may forget a session.
    /// </summary>
    /// <param name="stamp">Of the command that is to begin.</param>
    /// <param name="wall">Of that command.</param>
    /// <param name="comingResults">How many results are still to come.</param>
    /// <param name="comingBytes">What they take at most.</param>
    public bool ForgetsNobody(in SessionStamp stamp, long wall, int comingResults, long comingBytes)
    {
        if (_resultBytes + comingBytes + (long)comingResults * ResultOverhead > options.MaxResultBytes)
            return false;
        if (_sessions.Count >= options.MaxSessions && !_sessions.ContainsKey(stamp.Client))
            return false;
        return _sessions.Count == 0 || Math.Max(_time, wall) - _sessions[Oldest()].LastTime <= options.ExpiryMicros;
    }

    public Frozen Freeze()
    {
        _epoch++;
        return new Frozen(_time, [.. _sessions]);
    }

    /// <summary>Takes as many of the segments as are its own.</summary>
    public void Restore(IEnumerator<ReadOnlyMemory<byte>> segments)
    {
        _sessions.Clear();
        _uses.Clear();
        _resultBytes = 0;
        bool more = true;
        while (more)
        {
            if (!segments.MoveNext())
                throw new InvalidDataException("a checkpoint ends within its sessions");
            var reader = new ByteReader(segments.Current);
            byte version = reader.Byte();
            if (version is not (SegmentVersion or SegmentWithoutOpenings))
                throw new InvalidDataException($"a session segment has version {version}; this build reads {SegmentWithoutOpenings} and {SegmentVersion}");
            more = reader.Bool();
            _time = reader.Int64();
            while (reader.Remaining > 0)
                Read(ref reader, hasOpenings: version == SegmentVersion);
        }
    }

    // A session that a view still shows is copied before it changes.
    private Session Writable(Guid client, Session session)
    {
        if (session.Epoch == _epoch)
            return session;
        return _sessions[client] = session.Copy(_epoch);
    }

    private void Use(long index, Guid client)
    {
        _uses.Enqueue((index, client));
        if (_uses.Count <= 64 + 2 * _sessions.Count)
            return;
        int all = _uses.Count;
        for (int i = 0; i < all; i++)
        {
            (long Index, Guid Client) use = _uses.Dequeue();
            if (IsLatest(use))
                _uses.Enqueue(use);
        }
    }

    private bool IsLatest((long Index, Guid Client) use) =>
        _sessions.TryGetValue(use.Client, out Session? session) && session.LastIndex == use.Index;

    private Guid Oldest()
    {
        while (!IsLatest(_uses.Peek()))
            _uses.Dequeue();
        return _uses.Peek().Client;
    }

    private void ForgetExpired()
    {
        while (_sessions.Count > 0 && Oldest() is var oldest && _time - _sessions[oldest].LastTime > options.ExpiryMicros)
            Forget(oldest);
    }

    private void ForgetAboveLimits()
    {
        while ((_sessions.Count > options.MaxSessions || _resultBytes > options.MaxResultBytes) && _sessions.Count > 1)
            Forget(Oldest());
    }

    private void Forget(Guid client)
    {
        foreach (byte[] result in _sessions[client].Results.Values)
            _resultBytes -= result.Length + ResultOverhead;
        _sessions.Remove(client);
    }

    private void ForgetCompleted(Session session, long firstIncomplete)
    {
        for (; session.FirstIncomplete < firstIncomplete && session.Results.Count > 0; session.FirstIncomplete++)
        {
            if (session.Results.Remove(session.FirstIncomplete, out byte[]? result))
                _resultBytes -= result.Length + ResultOverhead;
        }

        session.FirstIncomplete = Math.Max(session.FirstIncomplete, firstIncomplete);
    }

    private void Read(ref ByteReader reader, bool hasOpenings)
    {
        var client = new Guid(reader.Raw(16).Span, bigEndian: true);
        var read = new Session(_epoch) { LastIndex = reader.Int64(), LastTime = reader.Int64(), FirstIncomplete = reader.Int64(), OpenedAt = hasOpenings ? reader.Int64() : 0 };
        if (!_sessions.TryGetValue(client, out Session? session))
        {
            session = read;
            _sessions.Add(client, session);
            _uses.Enqueue((session.LastIndex, client));
        }

        int results = reader.Count(sizeof(long) + 1);
        for (int i = 0; i < results; i++)
        {
            long sequence = reader.Int64();
            byte[] piece = KeyValueCodec.ReadBytes(ref reader).ToArray();
            _resultBytes += piece.Length;
            if (session.Results.TryGetValue(sequence, out byte[]? begun))
            {
                session.Results[sequence] = [.. begun, .. piece];
                continue;
            }

            session.Results.Add(sequence, piece);
            _resultBytes += ResultOverhead;
        }
    }

    internal sealed class Session(int epoch)
    {
        public int Epoch { get; } = epoch;

        /// <inheritdoc cref="SessionStamp.OpenedAt"/>
        public long OpenedAt { get; init; }
        public long LastIndex { get; set; }
        public long LastTime { get; set; }
        public long FirstIncomplete { get; set; } = 1;
        public SortedList<long, byte[]> Results { get; private init; } = [];

        public Session Copy(int into) => new(into)
        {
            OpenedAt = OpenedAt,
            LastIndex = LastIndex,
            LastTime = LastTime,
            FirstIncomplete = FirstIncomplete,
            Results = new SortedList<long, byte[]>(Results),
        };
    }

    /// <summary>The sessions as they stood, for a checkpoint: in the order of their last use.</summary>
    internal sealed class Frozen(long time, KeyValuePair<Guid, Session>[] sessions)
    {
        /// <summary>At least one segment; each says whether another of the sessions' follows.</summary>
        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes)
        {
            Array.Sort(sessions, (left, right) => left.Value.LastIndex.CompareTo(right.Value.LastIndex));
            var segment = new ArrayBufferWriter<byte>();
            Begin(segment);
            foreach ((Guid client, Session session) in sessions)
            {
                (int Result, int Offset) next = default;
                do
                {
                    if (segment.WrittenCount >= maxBytes)
                    {
                        yield return End(segment, more: true);
                        Begin(segment);
                    }

                    next = Write(segment, client, session, next, maxBytes);
                }
                while (next.Result < session.Results.Count);
            }

            yield return End(segment, more: false);
        }

        private void Begin(ArrayBufferWriter<byte> segment)
        {
            segment.ResetWrittenCount();
            KeyValueCodec.WriteByte(segment, SegmentVersion);
            KeyValueCodec.WriteByte(segment, 0);
            KeyValueCodec.WriteInt64(segment, time);
        }

        private static byte[] End(ArrayBufferWriter<byte> segment, bool more)
        {
            byte[] bytes = segment.WrittenSpan.ToArray();
            bytes[1] = more ? (byte)1 : (byte)0;
            return bytes;
        }

        // One part of a session: what comes before its results is said again in each. A result that is too long goes on
        // in the next part, under its sequence.
        private static (int Result, int Offset) Write(
            ArrayBufferWriter<byte> segment, Guid client, Session session, (int Result, int Offset) next, int maxBytes)
        {
            client.TryWriteBytes(segment.GetSpan(16), bigEndian: true, out _);
            segment.Advance(16);
            KeyValueCodec.WriteInt64(segment, session.LastIndex);
            KeyValueCodec.WriteInt64(segment, session.LastTime);
            KeyValueCodec.WriteInt64(segment, session.FirstIncomplete);
            KeyValueCodec.WriteInt64(segment, session.OpenedAt);
            List<(long Sequence, ReadOnlyMemory<byte> Bytes)> pieces = [];
            for (int room = Math.Max(maxBytes - segment.WrittenCount, 1); room > 0 && next.Result < session.Results.Count;)
            {
                ReadOnlyMemory<byte> rest = session.Results.Values[next.Result].AsMemory(next.Offset);
                ReadOnlyMemory<byte> piece = rest[..Math.Min(rest.Length, room)];
                pieces.Add((session.Results.Keys[next.Result], piece));
                room -= piece.Length + ResultOverhead;
                next = piece.Length == rest.Length ? (next.Result + 1, 0) : (next.Result, next.Offset + piece.Length);
            }

            BinaryPrimitives.WriteInt32LittleEndian(segment.GetSpan(sizeof(int)), pieces.Count);
            segment.Advance(sizeof(int));
            foreach ((long sequence, ReadOnlyMemory<byte> bytes) in pieces)
            {
                KeyValueCodec.WriteInt64(segment, sequence);
                KeyValueCodec.WriteBytes(segment, bytes.Span);
            }

            return next;
        }
    }
}
