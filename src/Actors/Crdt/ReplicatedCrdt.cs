using ActorRepl.Protocols.Crdt;
using Akka.DistributedData;

namespace ActorRepl.Actors.Crdt;

/// <summary>
/// A value of a type that Akka.DistributedData lacks, for its replicator to carry: <see cref="MvRegister"/>, <see cref="AddWinsMap"/> and <see cref="RemoveWinsMap"/>, with what
/// they hold of flags, sets, registers, counters and maps. Immutable.
/// </summary>
public sealed class ReplicatedCrdt<T> : IDeltaReplicatedData<ReplicatedCrdt<T>, ReplicatedCrdtDelta<T>>, IReplicatedCrdt where T : class, ICrdt<T>, new()
{
    public static readonly ReplicatedCrdt<T> Empty = new(new SharedValue<T>(new T()), null);

    private readonly SharedValue<T> _value;
    private readonly ReplicatedCrdtDelta<T>? _delta;

    private ReplicatedCrdt(SharedValue<T> value, ReplicatedCrdtDelta<T>? delta) => (_value, _delta) = (value, delta);

    internal ReplicatedCrdt(T value) : this(new SharedValue<T>(value), null)
    {
    }

    /// <summary>What has changed since <see cref="ResetDelta"/>; null: nothing.</summary>
    public ReplicatedCrdtDelta<T> Delta => _delta!;

    IReplicatedDelta IDeltaReplicatedData.Delta => _delta!;

    string IReplicatedCrdt.Manifest => CrdtManifests.Of(typeof(T));

    /// <summary>Reads the value, which must not be changed.</summary>
    public TResult Read<TResult>(Func<T, TResult> read) => _value.Read(read);

    /// <summary>Changes a copy by a function that returns the delta of the change, such as <c>register => register.Mutate(source, (value, change) => value.Write(change, "x"))</c>.</summary>
    public ReplicatedCrdt<T> Change(Func<T, T> change)
    {
        T copy = _value.Copy();
        var step = new ReplicatedCrdtDelta<T>(new SharedValue<T>(change(copy)), 1);
        return new(new SharedValue<T>(copy), _delta is null ? step : _delta.Merge(step));
    }

    public ReplicatedCrdt<T> Merge(ReplicatedCrdt<T> other) => ReferenceEquals(this, other) ? ResetDelta() : new(_value.Merged(other._value));

    public ReplicatedCrdt<T> MergeDelta(ReplicatedCrdtDelta<T> delta) => new(_value.Merged(delta.Value));

    public ReplicatedCrdt<T> ResetDelta() => _delta is null ? this : new(_value, null);

    IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((ReplicatedCrdt<T>)other);

    IReplicatedData IDeltaReplicatedData.MergeDelta(IReplicatedDelta delta) => MergeDelta((ReplicatedCrdtDelta<T>)delta);

    IReplicatedData IDeltaReplicatedData.ResetDelta() => ResetDelta();

    void IReplicatedCrdt.Write(CrdtWriter writer) => writer.Raw(_value.Encode());
}

/// <summary>Changes of a value: a small value of the same type, which may come late, twice and in any order.</summary>
public sealed class ReplicatedCrdtDelta<T> : IReplicatedDelta, IReplicatedDeltaSize, IReplicatedCrdt where T : class, ICrdt<T>, new()
{
    internal ReplicatedCrdtDelta(SharedValue<T> value, int changes) => (Value, DeltaSize) = (value, changes);

    internal SharedValue<T> Value { get; }

    /// <summary>How many changes these are. Past <c>akka.cluster.distributed-data.delta-crdt.max-delta-size</c> the whole value is sent instead.</summary>
    public int DeltaSize { get; }

    public IDeltaReplicatedData Zero => ReplicatedCrdt<T>.Empty;

    string IReplicatedCrdt.Manifest => CrdtManifests.OfDelta(typeof(T));

    public ReplicatedCrdtDelta<T> Merge(ReplicatedCrdtDelta<T> other) => new(new SharedValue<T>(Value.Merged(other.Value)), DeltaSize + other.DeltaSize);

    IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((ReplicatedCrdtDelta<T>)other);

    /// <summary>changes, value.</summary>
    void IReplicatedCrdt.Write(CrdtWriter writer)
    {
        writer.Count(DeltaSize);
        writer.Raw(Value.Encode());
    }

    internal static ReplicatedCrdtDelta<T> Read(byte[] bytes)
    {
        var reader = new CrdtReader(bytes);
        int changes = (int)reader.Within(1, int.MaxValue, "a number of changes");
        return new(new SharedValue<T>(CrdtCodec.Decode<T>(bytes.AsSpan(reader.Position))), changes);
    }
}
