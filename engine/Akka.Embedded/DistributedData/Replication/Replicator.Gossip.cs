using Akka.Actor;
using Akka.Cluster;

namespace Akka.DistributedData.Replication;

internal sealed partial class Replicator
{
    /// <summary>Chunks of digests sent in one round.</summary>
    private const int MaxChunksAtOnce = 10;

    private int _nextChunk;

    private void OnGossipTick()
    {
        AdvanceReachableClock();
        Address[] nodes = [.. AllNodes];
        if (nodes.Length > 0) SendDigests(nodes[Random.Shared.Next(nodes.Length)]);
    }

    private void SendDigests(Address node)
    {
        int chunks = Math.Max(1, (_entries.Count + _settings.MaxDeltaElements - 1) / _settings.MaxDeltaElements);
        var replica = ReplicaAt(node);
        for (int sent = 0; sent < Math.Min(chunks, MaxChunksAtOnce); sent++)
        {
            int chunk = _nextChunk++ % chunks;
            var digests = _entries.Where(entry => IsIn(entry.Key, chunk, chunks)).ToDictionary(entry => entry.Key, entry => DigestOf(entry.Value));
            replica.Tell(new Digests(SelfNode, digests, chunk, chunks));
        }
    }

    private void OnDigests(Digests digests)
    {
        List<string> different = [], missingThere = [];
        foreach ((string key, Entry entry) in _entries)
        {
            if (digests.Of.TryGetValue(key, out byte[] digest))
            {
                if (!DigestOf(entry).AsSpan().SequenceEqual(digest)) different.Add(key);
            }
            else if (IsIn(key, digests.Chunk, digests.Chunks))
            {
                missingThere.Add(key);
            }
        }

        SendValues(digests.From, [.. different.Concat(missingThere).Take(_settings.MaxDeltaElements)], sendBack: different.Count > 0);
        List<string> missingHere = [.. digests.Of.Keys.Where(key => !_entries.ContainsKey(key))];
        if (missingHere.Count > 0) Sender.Tell(new Wanted(SelfNode, missingHere));
    }

    private void OnGossip(GossipValues gossip)
    {
        List<string> toReturn = [];
        foreach ((string key, DataEnvelope envelope) in gossip.Values)
        {
            bool hadIt = _entries.ContainsKey(key);
            Store(key, envelope);
            if (gossip.SendBack && (hadIt || EnvelopeOf(key) is { Pruning.IsEmpty: false })) toReturn.Add(key);
        }

        SendValues(gossip.From, toReturn, sendBack: false);
    }

    private void SendValues(UniqueAddress to, List<string> keys, bool sendBack)
    {
        var values = keys.Where(_entries.ContainsKey).ToDictionary(key => key, key => _entries[key].Envelope);
        if (values.Count > 0) ReplicaAt(to.Address).Tell(new GossipValues(SelfNode, values, sendBack));
    }

    private void OnDeltaTick()
    {
        Address[] nodes = [.. AllNodes];
        foreach (Address node in nodes)
        {
            var deltas = _deltas.Take(node).Select(taken =>
                new Delta(taken.Key, EnvelopeOf(taken.Key) with { Data = taken.Delta, DeltaVersions = VersionVector.Empty }, taken.From, taken.To));
            foreach (Delta[] chunk in deltas.Chunk(_settings.MaxDeltaElements))
                ReplicaAt(node).Tell(new DeltaPropagation(SelfNode, DeltaPropagation.NoAnswer, [.. chunk]));
        }

        _deltas.Trim(nodes);
    }

    private void OnDeltas(DeltaPropagation propagation)
    {
        foreach (Delta delta in propagation.Deltas)
        {
            // The part of a node that was removed is pruned: what comes late from it would be counted twice.
            bool isLate = _removed.ContainsKey(propagation.From) || EnvelopeOf(delta.Key)?.Pruning.ContainsKey(propagation.From) == true;
            if (!isLate) Answer(propagation.Operation, Apply(propagation.From, delta));
        }
    }

    private WriteOutcome Apply(UniqueAddress from, Delta delta)
    {
        if (delta.Envelope.Data is not IRequireCausualDeliveryOfDeltas) return Store(delta.Key, delta.Envelope);
        long known = EnvelopeOf(delta.Key)?.DeltaVersions.VersionAt(from) ?? 0;
        if (delta.LastVersion <= known) return WriteOutcome.Stored;
        if (delta.FirstVersion > known + 1) return WriteOutcome.Gap;
        return Store(delta.Key, delta.Envelope with { DeltaVersions = VersionVector.Create(from, delta.LastVersion) });
    }

    private static bool IsIn(string key, int chunk, int chunks)
    {
        if (chunks <= 1) return true;
        uint hash = 2166136261;
        foreach (char letter in key) hash = (hash ^ letter) * 16777619;
        return hash % (uint)chunks == chunk;
    }
}
