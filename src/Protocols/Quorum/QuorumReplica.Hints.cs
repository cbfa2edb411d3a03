using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Hinted handoff: somebody keeps what an owner that is away is to get.</summary>
public sealed partial class QuorumReplica
{
    private readonly Dictionary<long, HintDelivery> _deliveries = [];
    private readonly Dictionary<long, (long Write, ReplicaId Owner)> _hintTokens = [];
    private long _comingHintBytes;

    /// <summary>For each owner that has not answered: the next stand-in keeps it, or, where there is none, this replica does.</summary>
    private void SendHints(WriteOperation write, in Instant now)
    {
        write.HintsSent = true;
        var standIns = new Queue<ReplicaId>(write.Owners.StandIns.Where(id => !_down.Contains(id)));
        foreach (ReplicaId owner in write.Owners.Those(write.Missing))
        {
            if (owner == Self)
                continue;
            if (!standIns.TryDequeue(out ReplicaId keeper))
            {
                KeepHint(owner, write.Key, write.Versions, now);
                continue;
            }

            long token = NextToken();
            _hintTokens[token] = (write.Token, owner);
            AddTo(_puts, keeper, new Parcel(token, owner, write.Key, write.Versions));
        }
    }

    // A hint is no copy at an owner: it counts for Any, and for nothing else.
    private void Hinted(long token, ReplicaId owner, in Instant now, Effects effects)
    {
        if (!_operations.TryGetValue(token, out Operation? operation) || operation is not WriteOperation write)
            return;
        write.Hinted |= write.Owners.BitOf(owner);
        AnswerWrite(write, now, effects);
    }

    private bool KeepHint(ReplicaId owner, ReadOnlyMemory<byte> key, KeyVersions versions, in Instant now)
    {
        int bytes = key.Length + versions.EncodedSize;
        if (_standing.HintBytes + _comingHintBytes + bytes > _options.MaxHintBytes)
            return false;
        _comingHintBytes += bytes;
        Update(new StoreUpdate.KeepHint(owner, key, versions, now.Wall));
        return true;
    }

    /// <summary>At each beat of the timer: some of what is kept, for every owner that is not known to be away.</summary>
    private void ReplayHints(in Instant now, Effects effects)
    {
        long time = now.Monotonic;
        // A stand-in that has no room does not answer, and its write is over by now.
        foreach (long over in _hintTokens.Where(each => !_operations.ContainsKey(each.Value.Write)).Select(each => each.Key).ToArray())
            _hintTokens.Remove(over);
        foreach (long late in _deliveries.Where(each => each.Value.GiveUpAt <= time).Select(each => each.Key).ToArray())
            _deliveries.Remove(late);
        foreach (ReplicaId owner in _standing.Owners)
        {
            if (!_down.Contains(owner) && _view.IsMember(owner) && !_deliveries.Values.Any(each => each.Owner == owner))
                Lookup(new StoreQuery.Hints(owner, _options.HintReplayBytes), new Awaited.Hints(owner), effects);
        }
    }

    private void Deliver(ReplicaId owner, IReadOnlyList<(ReadOnlyMemory<byte> Key, KeyVersions Versions)> hints, in Instant now, Effects effects)
    {
        int old = 0;
        foreach ((ReadOnlyMemory<byte> key, KeyVersions versions) in hints)
        {
            if (versions.SinceMicros < now.Wall - _options.MaxHintAgeMicros)
            {
                old++;
                Update(new StoreUpdate.DropHint(owner, key, versions.Set.Clock));
                continue;
            }

            // The ring has changed, and the store has not heard of it yet: it will be for somebody else.
            if (!_placement.Of(key).Contains(owner))
                continue;
            long token = NextToken();
            _deliveries[token] = new HintDelivery(owner, key, versions, now.Monotonic + 3 * _options.HintReplayMicros);
            AddTo(_puts, owner, new Parcel(token, default, key, versions));
        }

        if (old > 0)
            effects.Add(new Effect.Report($"{old} hints for {owner} are older than {_options.MaxHintAgeMicros / Instant.Second} s and are given up; anti-entropy brings what they held"));
    }
}
