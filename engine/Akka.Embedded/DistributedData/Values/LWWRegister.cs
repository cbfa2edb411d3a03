using Akka.Cluster;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <summary>The timestamp of a new value, given the one before; in any unit, as long as all nodes use the same.</summary>
public delegate long Clock<in T>(long currentTimestamp, T value);

/// <summary>A value of which the one with the latest timestamp wins; between equals that of the lowest node (Shapiro et al. 2011, 3.2.1).</summary>
public sealed class LWWRegister<T>(UniqueAddress node, T value, long timestamp) : IOwnData<LWWRegister<T>>, IWireData, IEquatable<LWWRegister<T>>
{
    /// <summary>The clock on the wall, but always after the value before.</summary>
    public static readonly Clock<T> DefaultClock = (current, _) => Math.Max(DateTime.UtcNow.Ticks, current + 1);

    /// <summary>The first value wins.</summary>
    public static readonly Clock<T> ReverseClock = (current, _) => Math.Min(-DateTime.UtcNow.Ticks, current - 1);

    public LWWRegister(UniqueAddress node, T initial) : this(node, initial, DefaultClock) { }
    public LWWRegister(UniqueAddress node, T initial, Clock<T> clock) : this(node, initial, clock(0, initial)) { }

    public UniqueAddress UpdatedBy { get; } = node;
    public T Value { get; } = value;
    public long Timestamp { get; } = timestamp;

    public LWWRegister<T> WithValue(UniqueAddress node, T value, Clock<T> clock = null) =>
        new(node, value, (clock ?? DefaultClock)(Timestamp, value));

    public LWWRegister<T> Merge(LWWRegister<T> other)
    {
        if (other.Timestamp != Timestamp) return other.Timestamp > Timestamp ? other : this;
        return other.UpdatedBy.CompareTo(UpdatedBy) < 0 ? other : this;
    }

    public bool Equals(LWWRegister<T> other) =>
        other is not null && Timestamp == other.Timestamp && UpdatedBy == other.UpdatedBy && EqualityComparer<T>.Default.Equals(Value, other.Value);

    public override bool Equals(object obj) => Equals(obj as LWWRegister<T>);
    public override int GetHashCode() => HashCode.Combine(UpdatedBy, Value, Timestamp);
    public override string ToString() => $"LWWRegister(value={Value}, timestamp={Timestamp}, updatedBy={UpdatedBy})";

    void IWireData.Write(DataWriter to)
    {
        to.Node(UpdatedBy);
        to.Number(Timestamp);
        to.Element(Value);
    }

    internal static LWWRegister<T> Read(DataReader from)
    {
        UniqueAddress node = from.Node();
        long timestamp = from.Number();
        return new(node, from.Element<T>(), timestamp);
    }
}
