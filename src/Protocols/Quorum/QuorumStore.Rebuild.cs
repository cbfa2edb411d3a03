using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>The store while others fill it: with whom it was compared, and what it could read of its own, which is set aside until then.</summary>
public sealed partial class QuorumStore
{
    private readonly Dictionary<UInt128, KeptVersions> _aside = [];
    private readonly SortedSet<ReplicaId> _lacking = [];
    // Null: it is whole.
    private SortedSet<ReplicaId>? _compared;
    private RebuildReason _reason;
    private bool _hasSalvaged;
    private long _asideBytes;
    private long _aliveAt;

    private void BeginRebuild(RebuildReason reason)
    {
        // One that has lost something does not stop having lost it when it is away for long.
        bool wasLost = _compared is not null && _reason == RebuildReason.Lost;
        _reason = reason == RebuildReason.Absent && wasLost ? RebuildReason.Lost : reason;
        _compared = reason == RebuildReason.Joins ? null : [];
        _lacking.Clear();
        _hasSalvaged = false;
        if (reason == RebuildReason.Joins)
            DropAside();
        if (reason == RebuildReason.Absent)
            return;
        if (reason == RebuildReason.Lost)
        {
            foreach (StoredKey entry in _keys.Values)
                SetAside(entry.Key, entry.Checked().Versions);
        }

        Clear();
    }

    private void Take(StoreUpdate.Synced synced)
    {
        _synced[synced.Peer] = synced.Index;
        if (_compared is null)
            return;
        _compared.Add(synced.Peer);
        if (synced.Lacked)
            _lacking.Add(synced.Peer);
        else
            _lacking.Remove(synced.Peer);
    }

    private void EndRebuild(in AppliedCommand command)
    {
        _compared = null;
        _lacking.Clear();
        _hasSalvaged = false;
        foreach (KeptVersions each in _aside.Values)
        {
            KeyVersions versions = each.Versions;
            if (IsYoung(versions, command.Wall))
                Merge(new StoreUpdate.Merge(each.Key, versions), command.Index);
        }

        DropAside();
    }

    // Of such a key no deletion is forgotten yet, be it of one of its values alone.
    private bool IsYoung(KeyVersions versions, long wall)
    {
        foreach (ref readonly Sibling<StoredValue> sibling in versions.Set.Span)
        {
            if (sibling.Value.Time.Micros < wall - options.MaxHintAgeMicros)
                return false;
        }

        return versions.Set.Span.Length > 0;
    }

    private void Salvage(long index)
    {
        foreach ((UInt128 print, KeptVersions each) in _aside.ToArray())
        {
            if (PeersOf(each.Key) is not { } peers || !peers.All(_lacking.Contains))
                continue;
            Merge(new StoreUpdate.Merge(each.Key, each.Versions), index);
            _aside.Remove(print);
            _asideBytes -= each.Bytes;
        }

        _compared = [];
        _lacking.Clear();
        _hasSalvaged = true;
    }

    private void SetAside(ReadOnlyMemory<byte> key, KeyVersions versions)
    {
        UInt128 print = MerkleItem.Fingerprint(key.Span);
        if (_aside.Remove(print, out KeptVersions? before))
        {
            _asideBytes -= before.Bytes;
            versions = before.Versions.Merge(versions);
        }

        var kept = new KeptVersions(key.ToArray(), versions);
        _aside[print] = kept;
        _asideBytes += kept.Bytes;
    }

    private void DropAside()
    {
        _aside.Clear();
        _asideBytes = 0;
    }

    private void RestoreRebuild(StoreStanding standing)
    {
        _compared = standing.Compared is { } compared ? [.. compared] : null;
        _lacking.Clear();
        _lacking.UnionWith(standing.Lacking);
        (_reason, _hasSalvaged, _aliveAt) = (standing.Reason, standing.HasSalvaged, standing.AliveAt);
    }
}
