using System.Collections.Immutable;
using Akka.Cluster;

namespace Akka.DistributedData;

/// <summary>A convergent value: merging is commutative, associative and idempotent. Values are immutable.</summary>
public interface IReplicatedData
{
    IReplicatedData Merge(IReplicatedData other);
}

/// <inheritdoc cref="IReplicatedData"/>
public interface IReplicatedData<T> : IReplicatedData where T : IReplicatedData
{
    T Merge(T other);
}

/// <summary>A value that keeps what has changed since <see cref="ResetDelta"/>, to be sent in place of the whole.</summary>
public interface IDeltaReplicatedData : IReplicatedData
{
    /// <summary>What has changed; null if nothing, or if only the whole state can say it.</summary>
    IReplicatedDelta Delta { get; }
    IReplicatedData MergeDelta(IReplicatedDelta delta);
    IReplicatedData ResetDelta();
}

/// <inheritdoc cref="IDeltaReplicatedData"/>
public interface IDeltaReplicatedData<T, TDelta> : IDeltaReplicatedData, IReplicatedData<T>
    where T : IReplicatedData where TDelta : IReplicatedDelta
{
    new TDelta Delta { get; }
    T MergeDelta(TDelta delta);
    new T ResetDelta();
}

/// <summary>A change. Several merge to one.</summary>
public interface IReplicatedDelta : IReplicatedData
{
    /// <summary>The empty value that the change can be merged into.</summary>
    IDeltaReplicatedData Zero { get; }
}

/// <summary>A change that means something only after all earlier ones of the same node.</summary>
public interface IRequireCausualDeliveryOfDeltas : IReplicatedDelta;

/// <summary>A change that grows with each update; past a limit the whole state is sent instead.</summary>
public interface IReplicatedDeltaSize
{
    int DeltaSize { get; }
}

/// <summary>A value with parts that belong to nodes. When a node is removed for good, another takes over its part.</summary>
public interface IRemovedNodePruning : IReplicatedData
{
    ImmutableHashSet<UniqueAddress> ModifiedByNodes { get; }
    bool NeedPruningFrom(UniqueAddress removedNode);

    /// <summary>Moves the part of the removed node to the other.</summary>
    IReplicatedData Prune(UniqueAddress removedNode, UniqueAddress collapseInto);

    /// <summary>Drops the part of the removed node: what was in it has been moved elsewhere.</summary>
    IReplicatedData PruningCleanup(UniqueAddress removedNode);
}

/// <inheritdoc cref="IRemovedNodePruning"/>
public interface IRemovedNodePruning<T> : IRemovedNodePruning, IReplicatedData<T> where T : IReplicatedData
{
    new T Prune(UniqueAddress removedNode, UniqueAddress collapseInto);
    new T PruningCleanup(UniqueAddress removedNode);
}

/// <summary>Marks what <see cref="Serialization.ReplicatedDataSerializer"/> writes.</summary>
public interface IReplicatedDataSerialization;

/// <summary>Marks what replicators send each other.</summary>
public interface IReplicatorMessage;

/// <summary>The untyped half of a value of the engine's own, said once.</summary>
internal interface IOwnData<T> : IReplicatedData<T>, IReplicatedDataSerialization where T : IReplicatedData
{
    IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((T)other);
}

/// <inheritdoc cref="IOwnData{T}"/>
internal interface IOwnDeltaData<T, TDelta> : IOwnData<T>, IDeltaReplicatedData<T, TDelta>
    where T : IReplicatedData where TDelta : IReplicatedDelta
{
    IReplicatedDelta IDeltaReplicatedData.Delta => Delta;
    IReplicatedData IDeltaReplicatedData.MergeDelta(IReplicatedDelta delta) => MergeDelta((TDelta)delta);
    IReplicatedData IDeltaReplicatedData.ResetDelta() => ResetDelta();
}

/// <summary>A value that knows which other it was made from, step by step: merged with that one it is itself.</summary>
internal interface IDerivedData
{
    /// <summary>False also if it is not known, as after a merge.</summary>
    bool IsDerivedFrom(IReplicatedData other);
}

/// <inheritdoc cref="IOwnData{T}"/>
internal interface IOwnPruning<T> : IRemovedNodePruning<T> where T : IReplicatedData
{
    IReplicatedData IRemovedNodePruning.Prune(UniqueAddress removedNode, UniqueAddress collapseInto) => Prune(removedNode, collapseInto);
    IReplicatedData IRemovedNodePruning.PruningCleanup(UniqueAddress removedNode) => PruningCleanup(removedNode);
}
