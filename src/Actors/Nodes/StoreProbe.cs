using ActorRepl.Actors.Settings;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Actors.Nodes;

/// <summary>To the parent of a probe: the stores are open, or why they are not.</summary>
internal sealed record StoreOpened(string? Problem);

/// <summary>Has the journal and the snapshot store opened, and made where there are none, by reading nothing from them; then stops.</summary>
internal sealed class StoreProbe : UntypedPersistentActor
{
    public StoreProbe(ReplicationSettings settings)
    {
        PersistenceId = $"probe/{settings.Cluster}/{settings.Self}";
        if (settings.JournalPlugin.Length > 0)
            JournalPluginId = settings.JournalPlugin;
        if (settings.SnapshotPlugin.Length > 0)
            SnapshotPluginId = settings.SnapshotPlugin;
    }

    public override string PersistenceId { get; }

    public override Recovery Recovery => new(SnapshotSelectionCriteria.Latest, long.MaxValue, 0);

    public static Props Props(ReplicationSettings settings) => Akka.Actor.Props.Create(() => new StoreProbe(settings));

    protected override void OnRecover(object message)
    {
        if (message is RecoveryCompleted)
            Finish(null);
    }

    protected override void OnRecoveryFailure(Exception reason, object? message = null)
    {
        Finish(reason.Message);
        base.OnRecoveryFailure(reason, message);
    }

    protected override void OnCommand(object message)
    {
    }

    private void Finish(string? problem)
    {
        Context.Parent.Tell(new StoreOpened(problem), Self);
        Context.Stop(Self);
    }
}
