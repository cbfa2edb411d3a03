using ActorRepl.Protocols.Checking;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>
/// Of what was lost and what clients saw: whatever was acknowledged and is not in the history that lasted was set aside; no session
/// goes back; what lasted is linearizable, and only operations on lost entries are taken out of it.
/// </summary>
internal sealed partial class PrimaryBackupInvariants
{
    // Acknowledged as Async, or counted as that: may be lost in a failover.
    private readonly HashSet<LogPosition> _acknowledged = [];

    // Said to be lost.
    private readonly List<(int Client, LogPosition Seen)> _saidLost = [];

    // Operations of the history: up to where the state went that answered them.
    private readonly Dictionary<int, LogPosition> _seenBy = [];

    // How often each membership was a view's for the first time in a row.
    private readonly Dictionary<Membership, int> _timesCommitted = [];
    private LogPosition _end;

    public int TimesCommitted(Membership members) => _timesCommitted.GetValueOrDefault(members);

    public void SetAside(SimulatedReplica replica, IReadOnlyList<EntryBatch> lost)
    {
        _world.Coverage.Count(CoverageItem.AsyncTailsLost);
        foreach (EntryBatch batch in lost)
        {
            for (long index = batch.FirstIndex; index <= batch.LastIndex; index++)
            {
                var at = new LogPosition(batch.Term, index);
                ShadowOf(replica).Aside.Add(at);
                EntryBook.Entry entry = _book.Find(at) ?? throw new RuleBrokenException("what is set aside was an entry", $"{replica.Id} sets {at} aside, which was never written");
                entry.IsSetAside = true;
            }
        }
    }

    public void SessionSaw(int client, LogPosition before, LogPosition now)
    {
        if (!_book.Contains(now, before))
            throw new RuleBrokenException("no session goes back", $"client {client} has seen {before}, and reads of {now}");
    }

    public void SessionLost(int client, LogPosition seen) => _saidLost.Add((client, seen));

    public void Recorded(int operation, LogPosition seen) => _seenBy.Add(operation, seen);

    public void Ended(SimulatedReplica leader)
    {
        LogShadow log = ShadowOf(leader).Log;
        _end = new LogPosition(log.LastTerm, log.LastIndex);
        if (!_book.Contains(_end, _promised))
            throw new RuleBrokenException("what was acknowledged is not lost", $"{_promised} was acknowledged and is not in the history that ends at {_end}");
        foreach ((int client, LogPosition seen) in _saidLost)
        {
            if (Lasted(seen))
                throw new RuleBrokenException("only what is lost is said to be", $"client {client} was told that {seen} is lost");
        }

        foreach (LogPosition at in _acknowledged.Where(at => !Lasted(at)))
        {
            _world.Coverage.Count(CoverageItem.AcksLost);
            EntryBook.Entry entry = _book.Find(at)!;
            bool isHeld = _shadows.Any(shadow => Holds(shadow.Durable, at)) || (entry.Durable & _everLost) != 0;
            if (!entry.IsSetAside && !isHeld)
                throw new RuleBrokenException("what is lost was set aside", $"{at} was acknowledged, is in no log any more, and was not set aside");
        }
    }

    // A write that was lost may have happened or not: tried again, it can be in the history all the same.
    public IEnumerable<RecordedOperation> ThatLasted(IReadOnlyList<RecordedOperation> history)
    {
        for (int i = 0; i < history.Count; i++)
        {
            if (!_seenBy.TryGetValue(i, out LogPosition seen) || Lasted(seen))
                yield return history[i];
            else if (history[i].Action != RecordedAction.Read)
                yield return history[i] with { Returned = RecordedOperation.Never, Succeeded = null };
        }
    }

    private bool Lasted(LogPosition position) => _lasted.TryGetValue(position, out bool known) ? known : _lasted[position] = _book.Contains(_end, position);

    private readonly Dictionary<LogPosition, bool> _lasted = [];
}
