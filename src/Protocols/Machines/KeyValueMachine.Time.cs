using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// The log's time alone says which keys have ended. Those are gone for whoever looks; how many of them a command removes is bounded by
/// the time it brings, so that millions that end together do not hold a replica up.
/// </summary>
public sealed partial class KeyValueMachine
{
    // About 0.2 ms of work for a ms of the log, 10 ms at most.
    private const int EndedPerMilli = 100, MostEndedMillis = 50;

    // The latest time that a command has brought, ms since 1970, and the last version that one could have given.
    private long _clock;
    private long _lastVersion;

    private void Advance(long millis, long version, byte rules)
    {
        long before = _clock;
        Raise(ref _clock, millis);
        Raise(ref _lastVersion, version | KeyValueVersion.MostOperations);
        long most = rules >= KeyValueCodec.SteadyVersion ? EndedPerMilli * Math.Min(MostEndedMillis, _clock - before) : long.MaxValue;
        while (most-- > 0 && _expiries.TryPeek(_clock, out ReadOnlySpan<byte> key))
        {
            bool removed = TryRemove(key, version, KeyChangeKind.Expired);
            Invariant.That(removed, "a key that has an end is there");
        }
    }

    private void Raise(ref long highest, long value)
    {
        if (!_sharing)
        {
            highest = Math.Max(highest, value);
            return;
        }

        for (long seen = Volatile.Read(ref highest); seen < value;)
            seen = Interlocked.CompareExchange(ref highest, value, seen) is var now && now == seen ? value : now;
    }

    /// <summary>
    /// To a replica whose time is later than the log's: keys end between the two, or there are ended ones that a command with this time would
    /// remove.
    /// </summary>
    private bool IsDue(long now) =>
        !_expiries.IsEmpty && _expiries.Next <= now && (now - _clock >= MostEndedMillis || _expiries.Next > _clock || _expiries.NextAfter(_clock) <= now);

    /// <summary>A value, unless the key is not there or has ended.</summary>
    private bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out KeyStamp stamp)
    {
        if (_table.TryGet(key, out value, out stamp) && !HasEnded(stamp, _clock))
            return true;
        value = default;
        stamp = default;
        return false;
    }

    /// <summary>What is about to be changed is not there any more.</summary>
    private void RemoveIfEnded(ReadOnlySpan<byte> key, long version)
    {
        if (_expiries.Next <= _clock && _table.TryGet(key, out _, out KeyStamp stamp) && HasEnded(stamp, _clock))
            TryRemove(key, version, KeyChangeKind.Expired);
    }

    private static bool HasEnded(in KeyStamp stamp, long clock) => stamp.ExpiresAt != 0 && stamp.ExpiresAt <= clock;
}
