using Akka.Actor;

namespace Akka.DistributedData.Replication;

/// <summary>The deltas of this node's updates, numbered by key from 1, until every other replica has been sent them.</summary>
internal sealed class DeltaLog(int maxDeltaSize)
{
    private readonly Dictionary<string, long> _versions = [];
    private readonly Dictionary<string, Pending> _pending = [];

    /// <summary>A delta, or null where only the whole value tells of the update: who lacks it will see a gap.</summary>
    public void Add(string key, IReplicatedDelta delta)
    {
        long version = _versions[key] = VersionOf(key) + 1;
        if (!_pending.TryGetValue(key, out Pending pending)) _pending.Add(key, pending = new Pending(version));
        pending.Deltas.Add(delta);
    }

    /// <summary>The number of the key's last delta; 0 if there was none.</summary>
    public long VersionOf(string key) => _versions.GetValueOrDefault(key);

    /// <summary>Drops the deltas of a key; its numbers go on.</summary>
    public void Forget(string key) => _pending.Remove(key);

    /// <summary>What the node has not been sent, as one delta a key. It counts as sent from now on.</summary>
    public List<(string Key, IReplicatedDelta Delta, long From, long To)> Take(Address node)
    {
        List<(string, IReplicatedDelta, long, long)> taken = [];
        foreach ((string key, Pending pending) in _pending)
        {
            long from = Math.Max(pending.SentTo.GetValueOrDefault(node) + 1, pending.First);
            if (from > pending.Last) continue;
            pending.SentTo[node] = pending.Last;
            if (pending.Merged(from, maxDeltaSize) is { } delta) taken.Add((key, delta, from, pending.Last));
        }

        return taken;
    }

    /// <summary>Drops what each of these nodes has been sent.</summary>
    public void Trim(IReadOnlyCollection<Address> nodes)
    {
        foreach ((string key, Pending pending) in _pending)
        {
            if (nodes.All(node => pending.SentTo.GetValueOrDefault(node) == pending.Last)) _pending.Remove(key);
        }
    }

    public void ForgetNode(Address node)
    {
        foreach (Pending pending in _pending.Values) pending.SentTo.Remove(node);
    }

    private sealed class Pending(long first)
    {
        private (long From, long To, IReplicatedDelta Delta) _merged;

        public long First { get; } = first;
        public List<IReplicatedDelta> Deltas { get; } = [];
        public Dictionary<Address, long> SentTo { get; } = [];
        public long Last => First + Deltas.Count - 1;

        /// <summary>All deltas from that number on as one; null if one is missing or they are too large together.</summary>
        public IReplicatedDelta Merged(long from, int maxDeltaSize)
        {
            if (_merged.From == from && _merged.To == Last) return _merged.Delta;
            var run = Deltas.Skip((int)(from - First)).ToList();
            IReplicatedDelta delta = run.Contains(null) ? null : run.Aggregate((all, next) => (IReplicatedDelta)all.Merge(next));
            if (delta is IReplicatedDeltaSize { DeltaSize: var size } && size >= maxDeltaSize) delta = null;
            _merged = (from, Last, delta);
            return delta;
        }
    }
}
