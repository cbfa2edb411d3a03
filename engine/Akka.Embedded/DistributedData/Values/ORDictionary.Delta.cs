using System.Collections.Immutable;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

public sealed partial class ORDictionary<TKey, TValue>
{
    /// <summary>What was done to a dictionary, in order.</summary>
    public interface IDeltaOperation : IRequireCausualDeliveryOfDeltas, IReplicatedDataSerialization, IEquatable<IDeltaOperation>;

    /// <summary>What happened to the keys, and the key's new value, or what changed in it; neither if it was removed.</summary>
    private sealed record Step(ORSet<TKey>.IDeltaOperation Keys, TKey Key, TValue Value, IReplicatedDelta Delta);

    private sealed class Changes(ImmutableList<Step> steps, IDeltaReplicatedData zero = null) : IDeltaOperation, IWireData, IReplicatedDeltaSize
    {
        private const int Removed = 0, WithValue = 1, WithDelta = 2;

        public ImmutableList<Step> Steps { get; } = steps;
        public int DeltaSize => Steps.Count;

        /// <summary>The empty dictionary of the kind that was changed.</summary>
        public IDeltaReplicatedData Zero => zero ?? Empty;
        public Changes Of(IDeltaReplicatedData zero) => new(Steps, zero);
        IReplicatedData IReplicatedData.Merge(IReplicatedData other) => new Changes(Steps.AddRange(((Changes)other).Steps), zero);
        public bool Equals(IDeltaOperation other) => other is Changes changes && Steps.SequenceEqual(changes.Steps);
        public override bool Equals(object obj) => Equals(obj as IDeltaOperation);
        public override int GetHashCode() => Steps.Aggregate(0, (hash, step) => HashCode.Combine(hash, step));

        void IWireData.Write(DataWriter to)
        {
            to.Count(zero is null ? 0 : 1);
            if (zero is not null) to.Message(zero);
            to.Count(Steps.Count);
            foreach (Step step in Steps)
            {
                to.Message(step.Keys);
                to.Element(step.Key);
                object content = (object)step.Value ?? step.Delta;
                to.Count(step.Value is not null ? WithValue : step.Delta is not null ? WithDelta : Removed);
                if (content is not null) to.Message(content);
            }
        }

        internal static Changes Read(DataReader from)
        {
            var zero = from.Count() > 0 ? (IDeltaReplicatedData)from.Message() : null;
            var steps = ImmutableList.CreateBuilder<Step>();
            for (int left = from.Count(); left > 0; left--)
            {
                var keys = (ORSet<TKey>.IDeltaOperation)from.Message();
                TKey key = from.Element<TKey>();
                steps.Add(from.Count() switch
                {
                    WithValue => new(keys, key, (TValue)from.Message(), null),
                    WithDelta => new(keys, key, default, (IReplicatedDelta)from.Message()),
                    _ => new(keys, key, default, null),
                });
            }

            return new(steps.ToImmutable(), zero);
        }
    }
}
