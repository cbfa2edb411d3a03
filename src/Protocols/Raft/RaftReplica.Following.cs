using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>The follower's side of replication: receiver implementation of AppendEntries (figure 2), and applying what is committed.</summary>
public sealed partial class RaftReplica
{
    /// <summary>Up to here the log is known to be that of this term's leader; only so far is its word on commits taken.</summary>
    private long _verified;

    // Twice a leader's limit: what a leader could still take, a follower must be able to follow.
    private bool IsLogFull => _log.Bytes > 2 * _options.MaxLogBytes;

    private void OnAppend(ReplicaId from, AppendRequest append)
    {
        if (!Follow(from, append.Term))
        {
            Send(from, Refusal(append));
            return;
        }

        if (IsInstalling || (IsLogFull && append.Batches.Count > 0))
            return;
        if (append.PrevIndex < _commit)
        {
            OnAppendBelowCommit(from, append);
            return;
        }

        if (!_log.Matches(append.PrevIndex, append.PrevTerm))
        {
            Send(from, Refusal(append));
            return;
        }

        Accept(from, append);
    }

    // What is committed here is what the leader has: the part of the append below is settled, the rest may be new.
    private void OnAppendBelowCommit(ReplicaId from, AppendRequest append)
    {
        if (append.LastIndex <= _commit)
            SendWhenDurable(from, Success(_commit));
        else
            Accept(from, append);
    }

    private void Accept(ReplicaId from, AppendRequest append)
    {
        foreach (EntryBatch batch in append.Batches)
            Merge(batch);
        _verified = Math.Max(_verified, append.LastIndex);
        if (Math.Min(append.Commit, append.LastIndex) is var commit && commit > _commit)
            CommitTo(commit);
        SendWhenDurable(from, Success(append.LastIndex));
    }

    /// <summary>Adds what of a batch is not there yet, in place of what conflicts with it.</summary>
    private void Merge(EntryBatch batch)
    {
        long first = Math.Max(batch.FirstIndex, _commit + 1);
        // Same index and same term: the same log up to there (Log Matching).
        long same = _log.LastIndexOfTermUpTo(batch.LastIndex, batch.Term);
        if (same >= first && _log.TermAt(same) == batch.Term)
            first = same + 1;
        if (first > batch.LastIndex)
            return;
        if (first <= _log.LastIndex)
            Truncate(first);
        EntryBatch added = batch.Slice(first, batch.LastIndex);
        AppendToLog(added);
    }

    private void Truncate(long from)
    {
        Invariant.That(from > _commit, "a committed entry is never truncated");
        Invariant.That(from > _verified, "a leader never takes back what it has sent in its term");
        _log.TruncateFrom(from);
        _durable.Truncated(from);
        _record.Truncate(from);
        if (_configurations.TruncateFrom(from))
            Adopt();
    }

    private void OnHeartbeat(ReplicaId from, Heartbeat heartbeat)
    {
        bool follows = Follow(from, heartbeat.Term);
        // A round of an earlier term is none of this one's, should its sender lead again by now.
        Send(from, new HeartbeatReply(_term, Standing, follows ? heartbeat.Round : 0, _verified));
        if (follows && !IsInstalling && Math.Min(heartbeat.Commit, _verified) is var commit && commit > _commit)
            CommitTo(commit);
    }

    /// <summary>Takes the sender as the leader of its term; false: its term is over.</summary>
    private bool Follow(ReplicaId from, long term)
    {
        if (term < _term)
            return false;
        if (term > _term || _role != RaftRole.Follower)
        {
            Invariant.That(term > _term || _role != RaftRole.Leader, "a term has one leader");
            BecomeFollower(term, from);
        }

        Invariant.That(_leader.IsNone || _leader == from, "a term has one leader");
        _leader = from;
        _leaderHeardAt = _now.Monotonic;
        _electionAt = _now.Monotonic + _electionTimeout;
        return true;
    }

    private AppendReply Success(long index) => new(_term, success: true, Standing, index, 0, 0);

    /// <summary>Says where to try next: the last entry here that is no later in term than the leader's.</summary>
    private AppendReply Refusal(AppendRequest append)
    {
        long nearest = Math.Max(_commit, _log.LastIndexOfTermUpTo(append.PrevIndex, append.PrevTerm));
        return new AppendReply(_term, success: false, Standing, append.PrevIndex, nearest, _log.TermAt(nearest));
    }

    private void ApplyCommitted()
    {
        while (_applying < _commit && !IsInstalling && LogHasCommands)
        {
            EntryBatch batch = _log.Part(_applying + 1, _commit);
            if (batch.Kind == EntryKind.Placeholder)
                _commands.PassedOver(batch.LastIndex, _rejectPassedOver);
            Apply(batch);
        }
    }

    private protected override void OnApplied(Input.Applied applied)
    {
        base.OnApplied(applied);
        ContinueHandOver();
    }
}
