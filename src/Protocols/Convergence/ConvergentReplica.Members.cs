using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// Who the members are: what the control group has installed, one view after the other. A newcomer serves nobody until it has what all others have at a time when they
/// know that it is a member, so that nothing it lacks is taken for stable.
/// </summary>
public sealed partial class ConvergentReplica
{
    private long _epoch;
    private Membership _members = null!;
    private bool _viewIsNew;
    private MemberChange? _change;

    /// <summary>A change that somebody waits for. Who leaves is a learner first: it takes no more updates, and goes when the others have those that it took.</summary>
    private sealed record MemberChange(long RequestId, Membership Target, Membership Interim, long Deadline)
    {
        public bool IsAsked { get; set; }
    }

    private void Adopt(long epoch, Membership members)
    {
        (_epoch, _members) = (epoch, members);
        foreach (ReplicaId gone in _peers.Keys.Where(id => !members.Members.Contains(id)).ToArray())
            _peers.Remove(gone);
        foreach (ReplicaId id in members.Members.Where(id => id != Self))
            _peers.TryAdd(id, new Peer(id));
        foreach (Peer peer in _peers.Values)
            peer.ForgetSaid();
    }

    private void ViewChanged(Input.ViewChanged changed, Effects effects)
    {
        if (changed.Epoch > _epoch && !changed.View.IsEmpty)
        {
            Adopt(changed.Epoch, Membership.Decode(changed.View));
            _viewIsNew = true;
            _beatTo.UnionWith(_peers.Keys);
            if (_comparison is { } comparison && !_peers.ContainsKey(comparison.Peer))
                GiveUp(effects);
            AnswerUpdates(effects);
        }

        if (_change is not { } change)
            return;
        if (_members.Equals(change.Target))
        {
            effects.Add(new Effect.Reply(change.RequestId, default));
            _change = null;
        }
        else if (!_members.Equals(change.Interim))
        {
            effects.Add(new Effect.Reject(change.RequestId, new Rejection(RejectReason.Unavailable, Detail: $"another change came first; the members are {_members}")));
            _change = null;
        }
    }

    /// <summary>Takes the last step of a change when it may be taken, and ends one that nothing has come of.</summary>
    private void GoOnWithChange(in Instant now, Effects effects)
    {
        if (_change is not { } change)
            return;
        bool isLate = now.Monotonic >= change.Deadline;
        ReplicaId[] leaving = [.. _members.Members.Except(change.Target.Members)];
        // One that was never heard of as a learner is lost, or as good as that.
        if (_members.Equals(change.Interim) && !change.IsAsked && leaving.All(id => HasGivenAll(id) || (isLate && !(_peers.TryGetValue(id, out Peer? peer) && peer.SaidIn == _epoch))))
        {
            change.IsAsked = true;
            effects.Add(new Effect.ProposeView(_epoch, change.Target.Encode()));
        }

        if (!isLate)
            return;
        _change = null;
        effects.Add(new Effect.Reject(change.RequestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true,
            Detail: $"the members are {_members}; the control group has not answered in time, or {string.Join(", ", leaving)} had updates that too few have")));
    }

    /// <summary>It takes no updates any more, and this replica and a majority of voters have all that it took.</summary>
    private bool HasGivenAll(ReplicaId leaving)
    {
        VersionVector took = leaving == Self ? _vector : _peers[leaving].Vector;
        bool isFinal = leaving == Self ? _pending.Count == 0 : _peers[leaving].SaidIn == _epoch;
        if (!isFinal || !_vector.Descends(took))
            return false;
        int have = _members.Voters.Count(id => id == Self || _peers[id].Vector.Descends(took));
        return have > _members.Voters.Count / 2;
    }

    private void ChangeMembers(in ClientRequest request, Effects effects)
    {
        Membership target;
        try
        {
            target = Membership.Decode(request.Payload);
        }
        catch (InvalidDataException wrong)
        {
            effects.Add(new Effect.Reject(request.Id, Invalid(wrong.Message)));
            return;
        }

        if (target.Witnesses.Count > 0)
            effects.Add(new Effect.Reject(request.Id, Invalid("a CRDT group has no witnesses: every member holds what it acknowledges")));
        else if (target.Equals(_members))
            effects.Add(new Effect.Reply(request.Id, default));
        else if (_change is not null)
            effects.Add(new Effect.Reject(request.Id, new Rejection(RejectReason.Unavailable, Detail: "another change of members is under way")));
        else
        {
            ReplicaId[] leaving = [.. _members.Members.Except(target.Members)];
            var interim = new Membership(target.Voters, target.Learners.Concat(leaving));
            _change = new MemberChange(request.Id, target, interim, request.Deadline);
            if (!_members.Equals(interim))
                effects.Add(new Effect.ProposeView(_epoch, interim.Encode()));
        }
    }

    private void Recover(ReadOnlyMemory<byte> configuration)
    {
        if (configuration.IsEmpty)
            return;
        var reader = new ByteReader(configuration);
        Adopt(reader.Int64(), Membership.Decode(reader.Bytes()));
        reader.End();
    }

    /// <summary>epoch (8), members.</summary>
    private byte[] EncodeView()
    {
        byte[] members = _members.Encode();
        byte[] bytes = new byte[sizeof(long) + sizeof(int) + members.Length];
        var writer = new ByteWriter(bytes);
        writer.Int64(_epoch);
        writer.Bytes(members);
        return bytes;
    }
}
