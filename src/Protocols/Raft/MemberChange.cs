using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>A change of members that a client waits for.</summary>
internal sealed class MemberChange(ClientRequest request, Membership target)
{
    private readonly Dictionary<ReplicaId, CatchUp> _catchUps = [];

    public Membership Target => target;
    public long Deadline => request.Deadline;

    /// <summary>0: nobody waits any more.</summary>
    public long RequestId { get; set; } = request.Id;

    /// <summary>Those who come have been made learners, and those whose promises are lost too.</summary>
    public bool IsStaged { get; set; }

    /// <summary>The entry that leads to the target, and its term; 0: the log has none yet.</summary>
    public long EntryIndex { get; private set; }
    public long EntryTerm { get; private set; }

    public bool IsInLog => EntryIndex > 0;

    public void InLog(EntryBatch entry) => (EntryIndex, EntryTerm) = (entry.FirstIndex, entry.Term);

    public CatchUp CatchUpOf(ReplicaId id)
    {
        if (!_catchUps.TryGetValue(id, out CatchUp? catchUp))
            _catchUps.Add(id, catchUp = new CatchUp());
        return catchUp;
    }
}

/// <summary>
/// Rounds in which a new member is brought up to date (thesis 4.2.1): each ends where the log ended when it began. One that
/// is shorter than an election timeout shows that as a voter it would hold nobody up.
/// </summary>
internal sealed class CatchUp
{
    public const int MaxRounds = 10;

    private long _end = -1;
    private long _beganAt;

    public bool IsDone { get; private set; }

    /// <summary>Rounds that took too long.</summary>
    public int LongRounds { get; private set; }

    public void Look(long match, long lastIndex, long now, long patience)
    {
        if (IsDone)
            return;
        if (_end < 0)
            Begin(lastIndex, now);
        if (match < _end)
            return;
        if (now - _beganAt <= patience)
        {
            IsDone = true;
            return;
        }

        LongRounds++;
        Begin(lastIndex, now);
    }

    private void Begin(long lastIndex, long now)
    {
        _end = lastIndex;
        _beganAt = now;
    }
}
