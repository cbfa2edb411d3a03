using System.Collections.Immutable;
using ActorRepl.Protocols.Crdt;
using Akka.DistributedData;

namespace ActorRepl.Actors.Crdt;

/// <summary>
/// A text or list for Akka.DistributedData's replicator to carry. Immutable. The replicator keeps the order of one node's deltas and not of several nodes': one that refers
/// to what has not come yet is kept until it has. Each change copies the value: documents that many edit belong into a CRDT group.
/// </summary>
/// <typeparam name="T"><see cref="Text"/> or <see cref="CausalList"/>.</typeparam>
/// <typeparam name="TItem">What it is of: <see cref="char"/> or <see cref="Datum"/>.</typeparam>
public sealed class ReplicatedSequence<T, TItem> : IDeltaReplicatedData<ReplicatedSequence<T, TItem>, ReplicatedSequenceDelta<T, TItem>>, IReplicatedCrdt
    where T : Sequence<TItem>, ICrdt<T>, new()
{
    public static readonly ReplicatedSequence<T, TItem> Empty = new(new T());

    /// <summary>Deltas kept until what they refer to has come; beyond, gossip brings the whole value.</summary>
    private const int MostWaiting = 256;

    private readonly SharedValue<T> _value;
    private readonly ReplicatedSequenceDelta<T, TItem>? _delta;
    private readonly ImmutableArray<SequenceDelta<TItem>> _waiting;

    private ReplicatedSequence(SharedValue<T> value, ReplicatedSequenceDelta<T, TItem>? delta, ImmutableArray<SequenceDelta<TItem>> waiting) =>
        (_value, _delta, _waiting) = (value, delta, waiting);

    internal ReplicatedSequence(T value) : this(new SharedValue<T>(value), null, [])
    {
    }

    /// <inheritdoc cref="ReplicatedCrdt{T}.Delta"/>
    public ReplicatedSequenceDelta<T, TItem> Delta => _delta!;

    IReplicatedDelta IDeltaReplicatedData.Delta => _delta!;

    string IReplicatedCrdt.Manifest => CrdtManifests.Of(typeof(T));

    /// <inheritdoc cref="ReplicatedCrdt{T}.Read"/>
    public TResult Read<TResult>(Func<T, TResult> read) => _value.Read(read);

    /// <summary>Changes a copy, such as <c>text => text.Insert(source, 0, "Hello")</c>.</summary>
    public ReplicatedSequence<T, TItem> Change(Action<T> change)
    {
        T copy = _value.Copy();
        change(copy);
        SequenceDelta<TItem> step = copy.TakeDelta();
        if (step.IsEmpty)
            return this;
        return new(new SharedValue<T>(copy), new(_delta is null ? [step] : _delta.Steps.Add(step)), _waiting);
    }

    public ReplicatedSequence<T, TItem> Merge(ReplicatedSequence<T, TItem> other) =>
        ReferenceEquals(this, other) ? ResetDelta() : WithMerged(_value.Merged(other._value), _waiting.AddRange(other._waiting));

    public ReplicatedSequence<T, TItem> MergeDelta(ReplicatedSequenceDelta<T, TItem> delta) => WithMerged(_value.Copy(), _waiting.AddRange(delta.Steps));

    public ReplicatedSequence<T, TItem> ResetDelta() => _delta is null ? this : new(_value, null, _waiting);

    IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((ReplicatedSequence<T, TItem>)other);

    IReplicatedData IDeltaReplicatedData.MergeDelta(IReplicatedDelta delta) => MergeDelta((ReplicatedSequenceDelta<T, TItem>)delta);

    IReplicatedData IDeltaReplicatedData.ResetDelta() => ResetDelta();

    /// <summary>The value alone: what waits here is in the value of whoever made it.</summary>
    void IReplicatedCrdt.Write(CrdtWriter writer) => writer.Raw(_value.Encode());

    private static ReplicatedSequence<T, TItem> WithMerged(T value, ImmutableArray<SequenceDelta<TItem>> waiting)
    {
        for (int before = -1; before != waiting.Length;)
        {
            before = waiting.Length;
            waiting = waiting.RemoveAll(value.TryMerge);
        }

        return new(new SharedValue<T>(value), null, waiting.Length <= MostWaiting ? waiting : [.. waiting.TakeLast(MostWaiting)]);
    }
}

/// <summary>Changes of one node, in their order.</summary>
public sealed class ReplicatedSequenceDelta<T, TItem> : IRequireCausualDeliveryOfDeltas, IReplicatedDeltaSize, IReplicatedCrdt
    where T : Sequence<TItem>, ICrdt<T>, new()
{
    internal ReplicatedSequenceDelta(ImmutableArray<SequenceDelta<TItem>> steps) => Steps = steps;

    internal ImmutableArray<SequenceDelta<TItem>> Steps { get; }

    /// <inheritdoc cref="ReplicatedCrdtDelta{T}.DeltaSize"/>
    public int DeltaSize => Steps.Length;

    public IDeltaReplicatedData Zero => ReplicatedSequence<T, TItem>.Empty;

    string IReplicatedCrdt.Manifest => CrdtManifests.OfDelta(typeof(T));

    public ReplicatedSequenceDelta<T, TItem> Merge(ReplicatedSequenceDelta<T, TItem> next) => new(Steps.AddRange(next.Steps));

    IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((ReplicatedSequenceDelta<T, TItem>)other);

    /// <summary>count, then length and bytes of each.</summary>
    void IReplicatedCrdt.Write(CrdtWriter writer)
    {
        writer.Count(Steps.Length);
        foreach (SequenceDelta<TItem> step in Steps)
        {
            byte[] bytes = step.Encode();
            writer.Count(bytes.Length);
            writer.Raw(bytes);
        }
    }

    internal static ReplicatedSequenceDelta<T, TItem> Read(byte[] bytes)
    {
        var reader = new CrdtReader(bytes);
        var steps = ImmutableArray.CreateBuilder<SequenceDelta<TItem>>();
        for (int left = reader.Count("deltas", minimumSize: 2); left > 0; left--)
            steps.Add(SequenceDelta.Decode<TItem>(reader.Raw(reader.Count("bytes of a delta"))));
        reader.End();
        return new(steps.ToImmutable());
    }
}
