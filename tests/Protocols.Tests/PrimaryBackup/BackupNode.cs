using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;

namespace ActorRepl.Protocols.Tests.PrimaryBackup;

internal sealed class BackupNode : ViewedNode
{
    public BackupNode(int id, int of, PrimaryBackupOptions? options = null, RecoveredState? recovered = null, ulong seed = 1, long now = 0, bool joins = false)
        : this(new PrimaryBackupReplica(new ReplicaId(id), [.. Enumerable.Range(1, of).Select(number => new ReplicaId(number))], seed, (options ?? PrimaryBackupOptions.Default).Validate(), joins), recovered, now)
    {
    }

    private BackupNode(PrimaryBackupReplica replica, RecoveredState? recovered, long now)
        : base(replica, recovered, now) => Replica = replica;

    public PrimaryBackupReplica Replica { get; }
    public override bool Leads => Replica.IsPrimary;

    /// <summary>What is read back of the log, of what was written in all; null: nothing is there any more.</summary>
    public Func<IReadOnlyList<EntryBatch>, IReadOnlyList<EntryBatch>>? ReadsBack { get; set; }
    public int RangesRead { get; private set; }
    public List<string> LostCommands { get; } = [];

    protected override void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case Effect.SetAside aside:
                foreach (EntryBatch batch in aside.Lost)
                {
                    foreach (ReadOnlyMemory<byte> payload in batch)
                        LostCommands.Add(Encoding.UTF8.GetString(payload.Span));
                }

                break;
            case Effect.ReadRange range:
                RangesRead++;
                Raise(new Input.RangeLoaded(range.First, ReadsBack?.Invoke(Range(range)) ?? []));
                break;
            default:
                base.CarryOut(effect);
                break;
        }
    }

    private IReadOnlyList<EntryBatch> Range(Effect.ReadRange range)
    {
        var fold = new RangeFold(range.First, range.Last, range.MaxBytes);
        foreach (WalEntry entry in Written.Where(entry => entry.Lsn <= DurableLsn))
            fold.Record(entry.Record);
        return fold.Batches;
    }
}
