using System.Globalization;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Versions;

/// <summary>
/// A time that respects causality: the highest wall clock seen, in µs since 1970, and a counter of events within it (Kulkarni et al., OPODIS 2014).
/// </summary>
public readonly record struct HybridTime(long Micros, int Counter) : IComparable<HybridTime>
{
    public const int EncodedSize = sizeof(long) + sizeof(int);

    public int CompareTo(HybridTime other) => Micros != other.Micros ? Micros.CompareTo(other.Micros) : Counter.CompareTo(other.Counter);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Micros}.{Counter}");

    public static bool operator <(HybridTime left, HybridTime right) => left.CompareTo(right) < 0;
    public static bool operator >(HybridTime left, HybridTime right) => left.CompareTo(right) > 0;
    public static bool operator <=(HybridTime left, HybridTime right) => left.CompareTo(right) <= 0;
    public static bool operator >=(HybridTime left, HybridTime right) => left.CompareTo(right) >= 0;

    public void Encode(ref ByteWriter writer)
    {
        writer.Int64(Micros);
        writer.Int32(Counter);
    }

    /// <exception cref="InvalidDataException">The bytes are no hybrid time.</exception>
    public static HybridTime Decode(ref ByteReader reader)
    {
        var time = new HybridTime(reader.Int64(), reader.Int32());
        return time is { Micros: >= 0, Counter: >= 0 } ? time : throw new InvalidDataException($"a hybrid time is {time}; neither part is below 0");
    }
}

/// <summary>
/// A hybrid logical clock (Kulkarni et al. 2014, figure 5). A time that is further ahead of this node's wall clock than
/// <paramref name="maxSkewMicros"/> is refused and changes nothing: one clock that runs away must not carry the others with it.
/// </summary>
public sealed class HybridClock(long maxSkewMicros)
{
    public HybridTime Last { get; private set; }

    public long MaxSkewMicros { get; } = maxSkewMicros;

    /// <summary>Goes on after what is known to have been given, such as what recovery found on disk; it is not refused.</summary>
    public void Restore(HybridTime time) => Last = time > Last ? time : Last;

    /// <summary>
    /// A time for an event here, after every time given or seen. False: this node's wall clock is more than the bound behind what it has given or seen;
    /// <paramref name="skewMicros"/> says by how much.
    /// </summary>
    public bool TryTick(in Instant now, out HybridTime time, out long skewMicros) => TryAdvance(default, now, out time, out skewMicros);

    /// <summary>A time for the receipt of an event, after that event and all given or seen here. False: it is too far ahead, by <paramref name="skewMicros"/>.</summary>
    public bool TryObserve(HybridTime seen, in Instant now, out HybridTime time, out long skewMicros) => TryAdvance(seen, now, out time, out skewMicros);

    private bool TryAdvance(HybridTime seen, in Instant now, out HybridTime time, out long skewMicros)
    {
        HybridTime latest = seen > Last ? seen : Last;
        skewMicros = latest.Micros - now.Wall;
        // The wall clock may itself be wrong by so much, and says so.
        if (skewMicros > MaxSkewMicros + now.WallError || latest.Counter == int.MaxValue)
        {
            time = default;
            return false;
        }

        Last = now.Wall > latest.Micros ? new HybridTime(now.Wall, 0) : latest with { Counter = latest.Counter + 1 };
        Invariant.That(Last > latest, "a hybrid clock goes forward");
        time = Last;
        return true;
    }
}
