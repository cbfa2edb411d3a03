using System.Text;
using ActorRepl.Protocols.Checking;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.World;

/// <summary>
/// A client that does one thing at a time and writes down what it saw. With a session it sends a command again until it
/// knows; without one it gives up where sending again could do it twice.
/// </summary>
internal sealed partial class SimulatedClient(SimulatedWorld world, int number, bool hasSession)
{
    /// <summary>Request ids are made so that the client is known from them.</summary>
    public const int MaxClients = 16;

    /// <summary>Wakes a client that is idle, whatever it waits for.</summary>
    public const long Now = -1;

    private const long MinBackOff = 8 * Instant.Millisecond;
    private const long MaxBackOff = 500 * Instant.Millisecond;

    private readonly List<RecordedOperation> _parts = [];
    private ReplicaId _target;
    private byte[] _payload = [];
    private RequestKind _kind;
    private long _maxStaleness;
    private WriteConcern _concern;
    private LogPosition _seen;
    private bool _busy;
    private bool _maybeDone;
    private bool _wasSent;
    private long _firstAttempt;
    private long _lastAttempt;
    private long _lastSentAt;
    private long _beganAt;
    private long _giveUpAt;
    private long _called;
    private long _backOff;

    private Guid _session;
    private long _openedAt;
    private long _sequence;
    private bool _registering;

    /// <summary>Reads every key one after the other and then rests, instead of doing as it likes.</summary>
    public Queue<string>? FinalReads { get; set; }

    public bool IsIdle => !_busy;

    /// <summary>Successful operations so far.</summary>
    public long Done { get; private set; }

    /// <summary>Its next thing is due: an operation, or another attempt at the one it is at.</summary>
    public void Wake(long token)
    {
        if (token != _lastAttempt && (_busy || token != Now))
            return;
        if (_busy)
        {
            if (_wasSent)
                _maybeDone = true;
            AttemptAgain();
        }
        else if (!world.IsHealing || FinalReads is { Count: > 0 })
        {
            Begin();
        }
    }

    public void Answer(SimulatedAnswer answer)
    {
        if (!_busy || answer.RequestId < _firstAttempt)
            return;
        if (answer.Why is { } why)
        {
            if (answer.RequestId == _lastAttempt)
                Rejected(why);
            return;
        }

        Saw(answer.Seen);

        ReadOnlyMemory<byte> result = answer.Result;
        if (_kind == RequestKind.Command && hasSession)
        {
            result = CommandEnvelope.DecodeResult(result, out SessionStatus status);
            if (status != SessionStatus.Applied)
            {
                SessionRefused(status);
                return;
            }
        }

        Finish(result, answer.Seen, answer.RequestId == _lastAttempt);
    }

    // Every answer but a stale read's is of what the session has seen, or later: reads and writes alike.
    private void Saw(LogPosition now)
    {
        if (_kind == RequestKind.SessionRead)
            world.Invariants.SessionSaw(number, _seen, now);
        if (now.IsAfter(_seen))
            _seen = now;
    }

    private void Begin()
    {
        _busy = true;
        _backOff = MinBackOff;
        _maybeDone = _wasSent = false;
        _parts.Clear();
        _ends.Clear();
        _take = null;
        _called = world.Events;
        _beganAt = world.Time;
        var payload = new KeyValuePayload();
        if (FinalReads is { Count: > 0 } keys)
        {
            _kind = RequestKind.Read;
            Read(payload, keys.Dequeue());
        }
        else if (hasSession && _session == Guid.Empty)
        {
            Register();
        }
        else
        {
            Choose(payload);
        }

        byte[] bytes = payload.ToArray();
        _payload = _kind != RequestKind.Command ? bytes
            : _registering ? CommandEnvelope.Open(_session)
            : hasSession ? CommandEnvelope.Encode(new SessionStamp(_session, _sequence, _sequence) { OpenedAt = _openedAt }, bytes)
            : CommandEnvelope.Encode(bytes);
        _giveUpAt = world.Time + Instant.Second + world.Random.Next(3 * Instant.Second);
        _firstAttempt = world.NextRequestId(number);
        Send(_firstAttempt);
    }

    private void Register()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, world.Random.NextUInt64());
        BitConverter.TryWriteBytes(bytes[8..], world.Random.NextUInt64());
        _session = new Guid(bytes);
        _sequence = 0;
        _registering = true;
        _kind = RequestKind.Command;
    }

    private void Choose(KeyValuePayload payload)
    {
        if (hasSession)
            _sequence++;
        string key = world.Keys[world.Random.Next(world.Keys.Length)];
        _kind = world.Random.Chance(world.Profile.Reads, 100) ? AnyRead() : world.Random.Chance(1, 20) ? RequestKind.StaleRead : RequestKind.Command;
        _concern = world.Protocol.HasConcerns && _kind == RequestKind.Command ? AnyConcern() : default;
        if (TryChooseMore(payload))
            return;
        if (_kind != RequestKind.Command)
        {
            Read(payload, key);
            return;
        }

        Write(payload, key);
        if (world.Random.Chance(1, 10) && world.Keys[world.Random.Next(world.Keys.Length)] is var other && other != key)
            Write(payload, other);
    }

    private RequestKind AnyRead()
    {
        if (world.Protocol.HasViews && world.Random.Chance(1, 4))
            return RequestKind.SessionRead;
        _maxStaleness = world.Random.Next(world.Random.Chance(1, 2) ? 20 * Instant.Millisecond : Instant.Second);
        return world.Random.Next(5) switch
        {
            0 => RequestKind.FollowerRead,
            1 => RequestKind.BoundedRead,
            _ => RequestKind.Read,
        };
    }

    // Half of the writes leave it to the group; the others ask for anything that makes sense.
    private WriteConcern AnyConcern()
    {
        if (world.Random.Chance(1, 2))
            return default;
        var level = (AckLevel)world.Random.Next(5);
        return level == AckLevel.Async ? new WriteConcern(level) : new WriteConcern(
            level,
            (byte)(level == AckLevel.SemiSync ? world.Random.Next(3) : 0),
            (AckReach)world.Random.Next(4),
            world.Random.Chance(1, 2) ? 0 : (int)(20 + world.Random.Next(500)),
            (OnAckTimeout)world.Random.Next(3));
    }

    private void Read(KeyValuePayload payload, string key)
    {
        payload.Get(Encoding.UTF8.GetBytes(key));
        _parts.Add(Operation(RecordedAction.Read, key, ""));
    }

    private void Write(KeyValuePayload payload, string key)
    {
        long dice = world.Random.Next(100);
        byte[] name = Encoding.UTF8.GetBytes(key);
        string value = world.NextValue(number);
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        if (dice < 50)
        {
            payload.Append(name, bytes);
            _parts.Add(Operation(RecordedAction.Append, key, value));
        }
        else if (dice < 75)
        {
            payload.Set(name, bytes);
            _parts.Add(Operation(RecordedAction.Write, key, value));
        }
        else if (dice < 92)
        {
            string expected = world.LastSeen(key);
            if (expected.Length == 0)
                payload.SetIfMissing(name, bytes);
            else
                payload.CompareAndSet(name, Encoding.UTF8.GetBytes(expected), bytes);
            _parts.Add(Operation(RecordedAction.CompareAndSet, key, value) with { Expected = expected });
        }
        else
        {
            payload.Delete(name);
            _parts.Add(Operation(RecordedAction.Delete, key, ""));
        }
    }

    private RecordedOperation Operation(RecordedAction action, string key, string value) => new()
    {
        Client = number,
        Action = action,
        Key = key,
        Value = value,
        Called = _called,
        Returned = RecordedOperation.Never,
    };

    private void Send(long attempt)
    {
        _lastAttempt = attempt;
        _lastSentAt = world.Time;
        if (_target.IsNone || world.Random.Chance(1, 20))
            _target = AnyReplica();
        long patience = 100 * Instant.Millisecond + world.Random.Next(900 * Instant.Millisecond);
        ReplicaId target = _kind is RequestKind.FollowerRead or RequestKind.BoundedRead or RequestKind.SessionRead ? AnyReplica() : _target;
        _wasSent = world.SendRequest(target, new SimulatedRequest(attempt, _kind, _payload, patience, _maxStaleness) { Concern = _concern, AtLeast = _seen });
        world.Wake(number, attempt, patience + 50 * Instant.Millisecond);
    }

    private ReplicaId AnyReplica() => world.ReplicaIds[(int)world.Random.Next(world.ReplicaIds.Count)];

    private void AttemptAgain()
    {
        bool isSafe = hasSession || _kind != RequestKind.Command || !_maybeDone;
        if (world.Time >= _giveUpAt || !isSafe)
        {
            GiveUp();
            return;
        }

        world.Coverage.Count(CoverageItem.Retries);
        if (_wasSent && world.Random.Chance(1, 3))
            world.Cancel(_target, _lastAttempt);
        _target = AnyReplica();
        Send(world.NextRequestId(number));
    }

    private void Rejected(in Rejection why)
    {
        world.Coverage.Count(why.Reason switch
        {
            RejectReason.NotLeader => CoverageItem.RejectedNotLeader,
            RejectReason.NoQuorum => CoverageItem.RejectedNoQuorum,
            RejectReason.StorageUnavailable => CoverageItem.RejectedStorageUnavailable,
            RejectReason.Dropped => CoverageItem.RejectedDropped,
            RejectReason.TooStale => CoverageItem.RejectedTooStale,
            RejectReason.HistoryLost => CoverageItem.RejectedHistoryLost,
            _ => CoverageItem.RejectedOverloaded,
        });
        _maybeDone |= why.OutcomeUnknown;
        _wasSent = false;
        if (why.Reason == RejectReason.HistoryLost)
        {
            // The session goes on with what there is now.
            world.Invariants.SessionLost(number, _seen);
            _seen = default;
        }

        bool isSafe = hasSession || _kind != RequestKind.Command || !_maybeDone;
        if (world.Time >= _giveUpAt || !isSafe)
        {
            GiveUp();
            return;
        }

        world.Coverage.Count(CoverageItem.Retries);
        _target = why.Leader;
        _lastAttempt = world.NextRequestId(number);
        _backOff = why.Leader.IsNone ? Math.Min(2 * _backOff, MaxBackOff) : MinBackOff;
        world.Wake(number, _lastAttempt, _backOff / 2 + world.Random.Next(_backOff));
    }

    private void SessionRefused(SessionStatus status)
    {
        if (status == SessionStatus.Expired)
            world.Coverage.Count(CoverageItem.SessionsExpired);
        else
            throw new Invariants.RuleBrokenException("sessions", $"client {number} got {status} for sequence {_sequence}");
        _maybeDone |= _firstAttempt != _lastAttempt;
        _session = Guid.Empty;
        GiveUp();
    }

    private void GiveUp()
    {
        if (_maybeDone && _kind == RequestKind.Command)
        {
            world.Coverage.Count(CoverageItem.OutcomesUnknown);
            world.History.AddRange(_parts);
            RecordEnds();
        }

        if (_registering)
            _session = Guid.Empty;
        End();
    }

    private void Finish(ReadOnlyMemory<byte> result, LogPosition seen, bool answersLastAttempt)
    {
        Done++;
        world.Coverage.Count(_kind switch
        {
            RequestKind.Command => CoverageItem.CommandsDone,
            RequestKind.Read => CoverageItem.ReadsDone,
            RequestKind.FollowerRead => CoverageItem.FollowerReads,
            RequestKind.BoundedRead => CoverageItem.BoundedReads,
            RequestKind.SessionRead => CoverageItem.SessionReads,
            _ => CoverageItem.StaleReads,
        });
        if (_registering)
        {
            _openedAt = CommandEnvelope.DecodeOpened(result);
            End();
            return;
        }

        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        _kept.Clear();
        if (_take is { } take)
        {
            take(replies);
        }
        else
        {
            foreach (RecordedOperation part in _parts)
            {
                if (!replies.Next(out KeyValueReply reply))
                    throw new Invariants.RuleBrokenException("replies", $"client {number} got fewer replies than operations");
                _kept.Add(Returned(part, reply));
            }
        }

        foreach (RecordedOperation done in _kept)
        {
            if (_kind == RequestKind.BoundedRead)
                Record(done with { Called = CurrentSince(answersLastAttempt ? _lastSentAt : _beganAt) }, seen);
            else if (_kind is not (RequestKind.StaleRead or RequestKind.SessionRead))
                Record(done, seen);
        }

        RecordEnds();
        End();
    }

    private void Record(RecordedOperation done, LogPosition seen)
    {
        world.History.Add(done);
        if (seen != default)
            world.Invariants.Recorded(world.History.Count - 1, seen);
    }

    // What a bounded read returns was current at some time from so long before its call on: it is a read of that whole span.
    // The bound is kept by the replica's clock, and that may be slow.
    private long CurrentSince(long sentAt) => world.EventAt(sentAt - _maxStaleness * 1_000_000 / (1_000_000 - SimulatedClock.MaxDriftPpm) - 2);

    private RecordedOperation Returned(RecordedOperation part, in KeyValueReply reply)
    {
        if (reply.Kind == KeyValueReplyKind.Error)
            throw new Invariants.RuleBrokenException("replies", $"client {number} got an error: {reply.Error}");
        string value = part.Action == RecordedAction.Read ? Encoding.UTF8.GetString(reply.Bytes.Span) : part.Value;
        if (part.Action == RecordedAction.Read)
            world.Saw(part.Key, value);
        return part with
        {
            Returned = world.Events,
            Value = value,
            Succeeded = part.Action is RecordedAction.CompareAndSet or RecordedAction.Delete ? reply.Integer == 1 : null,
        };
    }

    private void End()
    {
        _busy = false;
        _registering = false;
        _lastAttempt = world.NextRequestId(number);
        world.Wake(number, _lastAttempt, world.IsHealing ? Instant.Millisecond : world.Random.Next(world.Profile.ThinkTime));
    }
}
