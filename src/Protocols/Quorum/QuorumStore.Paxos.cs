using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>The acceptor: what it has promised and accepted of each key, while conditional writes of it are under way.</summary>
public sealed partial class QuorumStore
{
    private void Take(StoreUpdate.Promise promise)
    {
        UInt128 print = MerkleItem.Fingerprint(promise.Key.Span);
        if (promise.Ballot.Round < _floor || promise.Ballot < CommittedOf(print))
            return;
        if (!_paxos.TryGetValue(print, out PaxosState? state))
        {
            if (_paxos.Count >= options.MaxPaxosKeys && !(MakeRoom() && promise.Ballot.Round >= _floor))
                return;
            state = new PaxosState(promise.Key.ToArray(), Ballot.None, Ballot.None, KeyVersions.Empty);
        }

        if (promise.Ballot > state.Promised)
            _paxos[print] = state with { Promised = promise.Ballot };
    }

    private void Take(PaxosState accept)
    {
        UInt128 print = MerkleItem.Fingerprint(accept.Key.Span);
        if (accept.Accepted.Round < _floor || accept.Accepted <= CommittedOf(print))
            return;
        PaxosState? state = _paxos.GetValueOrDefault(print);
        if (state is not null && accept.Accepted < state.Promised)
            return;
        _paxos[print] = new PaxosState(state?.Key ?? accept.Key.ToArray(), accept.Accepted, accept.Accepted, accept.Proposal.Copied());
    }

    private void Learn(PaxosState other)
    {
        UInt128 print = MerkleItem.Fingerprint(other.Key.Span);
        PaxosState mine = _paxos.GetValueOrDefault(print) ?? new PaxosState(other.Key.ToArray(), Ballot.None, Ballot.None, KeyVersions.Empty);
        PaxosState both = mine.Merge(other);
        _paxos[print] = both with { Proposal = both.Proposal.Copied() };
        Conclude(print, CommittedOf(print));
    }

    /// <summary>An attempt up to this one is of the past: its outcome is in the key's versions.</summary>
    private void Conclude(UInt128 print, in Ballot committed)
    {
        if (_paxos.TryGetValue(print, out PaxosState? state) && !state.Accepted.IsNone && state.Accepted <= committed)
            _paxos[print] = state with { Accepted = Ballot.None, Proposal = KeyVersions.Empty };
    }

    /// <summary>What was promised below it needs no memory of its own any more. What was accepted stays until it is known to be committed.</summary>
    private void RaiseFloor(long round)
    {
        if (round <= _floor)
            return;
        _floor = round;
        foreach ((UInt128 print, PaxosState state) in _paxos.ToArray())
        {
            if (state.Accepted.IsNone && state.Promised.Round < round)
                _paxos.Remove(print);
        }
    }

    /// <summary>Forgets the older half of the promises behind the floor: their rounds are refused from then on. False: all have something accepted, which is kept.</summary>
    private bool MakeRoom()
    {
        long[] rounds = [.. _paxos.Values.Where(state => state.Accepted.IsNone).Select(state => state.Promised.Round).Order()];
        if (rounds.Length == 0)
            return false;
        RaiseFloor(rounds[rounds.Length / 2] + 1);
        return true;
    }

    private Ballot CommittedOf(UInt128 print) => _keys.TryGetValue(print, out StoredKey entry) ? entry.Checked().Versions.Committed : Ballot.None;

    private byte[] FindPaxos(IReadOnlyList<ReadOnlyMemory<byte>> keys)
    {
        byte[] states = PaxosList.Encode([.. keys.Select(key => _paxos.GetValueOrDefault(MerkleItem.Fingerprint(key.Span)) ?? new PaxosState(key, Ballot.None, Ballot.None, KeyVersions.Empty))]);
        byte[] versions = Find(keys);
        byte[] bytes = new byte[sizeof(long) + 2 * sizeof(int) + states.Length + versions.Length];
        var writer = new ByteWriter(bytes);
        writer.Int64(_floor);
        writer.Bytes(states);
        writer.Bytes(versions);
        return bytes;
    }
}
