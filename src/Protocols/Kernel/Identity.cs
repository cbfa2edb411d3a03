namespace ActorRepl.Protocols.Kernel;

/// <summary>Names one replica of a shard: the number, from 1, of the node it lives on. 0 names nobody.</summary>
public readonly record struct ReplicaId(int Value) : IComparable<ReplicaId>
{
    public static readonly ReplicaId None;

    public bool IsNone => Value == 0;

    public int CompareTo(ReplicaId other) => Value.CompareTo(other.Value);

    public override string ToString() => IsNone ? "none" : $"n{Value}";

    public static bool operator <(ReplicaId left, ReplicaId right) => left.Value < right.Value;
    public static bool operator >(ReplicaId left, ReplicaId right) => left.Value > right.Value;
    public static bool operator <=(ReplicaId left, ReplicaId right) => left.Value <= right.Value;
    public static bool operator >=(ReplicaId left, ReplicaId right) => left.Value >= right.Value;
}

/// <summary>
/// The time an input was taken at. <see cref="Monotonic"/> never goes back within one incarnation and means nothing
/// outside it; <see cref="Wall"/> is the wall clock, right to within <see cref="WallError"/>. All in microseconds.
/// </summary>
public readonly record struct Instant(long Monotonic, long Wall, long WallError)
{
    public const long Millisecond = 1_000;
    public const long Second = 1_000_000;
}

/// <summary>A timer of a protocol; the protocol names its own. Arming it again replaces it.</summary>
public readonly record struct TimerId(byte Value);
