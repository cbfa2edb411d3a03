using System.Collections.Immutable;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

public sealed partial class ORSet<T>
{
    /// <summary>What was done to a set, in order.</summary>
    public interface IDeltaOperation : IRequireCausualDeliveryOfDeltas, IReplicatedDataSerialization, IEquatable<IDeltaOperation>;

    private enum Operation : byte
    {
        /// <summary>The elements were added by the dots they have.</summary>
        Add,

        /// <summary>The elements were removed, as far as they were seen.</summary>
        Remove,

        /// <summary>This was the whole set.</summary>
        Full,
    }

    private sealed class DeltaGroup(ImmutableList<(Operation Operation, ORSet<T> Set)> steps) : IDeltaOperation, IWireData, IReplicatedDeltaSize
    {
        public ImmutableList<(Operation Operation, ORSet<T> Set)> Steps { get; } = steps;
        public int DeltaSize => Steps.Count;
        public IDeltaReplicatedData Zero => Empty;
        IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((DeltaGroup)other);

        /// <summary>These steps, then the others; additions in a row become one.</summary>
        public DeltaGroup Merge(DeltaGroup next)
        {
            var (last, first) = (Steps[^1], next.Steps[0]);
            if (last.Operation != Operation.Add || first.Operation != Operation.Add) return new(Steps.AddRange(next.Steps));
            var added = new ORSet<T>(last.Set._dots.SetItems(first.Set._dots), last.Set._seen.Merge(first.Set._seen));
            return new(Steps.SetItem(Steps.Count - 1, (Operation.Add, added)).AddRange(next.Steps.Skip(1)));
        }

        public bool Equals(IDeltaOperation other) => other is DeltaGroup group && Steps.SequenceEqual(group.Steps);
        public override bool Equals(object obj) => Equals(obj as IDeltaOperation);
        public override int GetHashCode() => Steps.Aggregate(0, (hash, step) => HashCode.Combine(hash, step));
        public override string ToString() => $"DeltaGroup({string.Join(", ", Steps)})";

        void IWireData.Write(DataWriter to)
        {
            to.Count(Steps.Count);
            foreach ((Operation operation, ORSet<T> set) in Steps)
            {
                to.Count((int)operation);
                set.Write(to);
            }
        }

        internal static DeltaGroup Read(DataReader from)
        {
            var steps = ImmutableList.CreateBuilder<(Operation, ORSet<T>)>();
            for (int left = from.Count(); left > 0; left--)
                steps.Add(((Operation)from.Count(), ORSet<T>.Read(from)));
            return steps.Count > 0 ? new(steps.ToImmutable()) : throw new InvalidDataException("a change of an ORSet without a step");
        }
    }
}
