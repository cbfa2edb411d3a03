using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;

namespace ActorRepl.Protocols.Tests.PrimaryBackup;

internal sealed class BackupCluster(int size, PrimaryBackupOptions? options = null, ulong seed = 1, int[]? late = null) : ViewedCluster<BackupNode>(size, seed, late)
{
    /// <summary>The primary of the latest epoch among those that run.</summary>
    public BackupNode? Primary => Leading;
    public View? View => Epoch == 0 ? null : Protocols.PrimaryBackup.View.Decode(EncodedView);

    public override string ToString() => string.Join("\n", Nodes.Select(node =>
        $"{node.Id} {node.Status.Role} epoch {node.Replica.Epoch} sealed {node.Replica.IsSealed} last {node.Replica.LastPosition} commit {node.Replica.CommitIndex} applied {node.Replica.AppliedIndex} diverged {node.Replica.HasDiverged} lost {node.Replica.HasLostPromises}; {node.Replica.CurrentView}"));

    protected override BackupNode New(int id, ulong seed, bool joins) => new(id, Size, options, seed: seed, now: Now, joins: joins);

    protected override BackupNode Anew(BackupNode old, RecoveredState recovered, ulong seed) => new(old.Id.Value, Size, options, recovered, seed, Now) { ReadsBack = old.ReadsBack };
}
