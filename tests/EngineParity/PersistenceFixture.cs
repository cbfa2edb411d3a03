using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

/// <summary>An actor system whose default journal and snapshot store follow <see cref="Script"/>.</summary>
public abstract class PersistenceFixture : TestKit
{
    private static readonly AsyncLocal<StorageScript> NextScript = new();

    protected PersistenceFixture(string config = "") : base(Settings(config), "persistence") => Script = NextScript.Value!;

    protected StorageScript Script { get; }

    protected static TimeSpan Quiet => TimeSpan.FromMilliseconds(200);

    /// <summary>Starts a <see cref="PersistentRecorder"/> that has already told of its recovery.</summary>
    protected IActorRef StartRecovered(string id, Action<PersistentRecorder, object> onCommand)
    {
        IActorRef actor = Sys.ActorOf(PersistentRecorder.Props(id, TestActor, onCommand));
        FishForMessage(message => message is "completed");
        return actor;
    }

    protected void StopAndWait(IActorRef actor)
    {
        Watch(actor);
        Sys.Stop(actor);
        FishForMessage(message => message is Terminated);
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        Script.Dispose();
    }

    private static Config Settings(string config)
    {
        var script = new StorageScript();
        NextScript.Value = script;
        string plugin(string kind, string type, string more) =>
            $"{kind} {{ class = \"{type}, {typeof(ScriptedJournal).Assembly.GetName().Name}\", script = \"{script.Id}\", {more} }}\n";
        return ConfigurationFactory.ParseString(config)
            .WithFallback(ConfigurationFactory.ParseString(
                "akka.loglevel = WARNING\n"
                + "akka.test.single-expect-default = 15s\n" // A busy machine is no failure.
                + "akka.persistence.journal.plugin = parity.journal\n"
                + "akka.persistence.snapshot-store.plugin = parity.snapshots\n"
                + plugin("parity.journal", typeof(ScriptedJournal).FullName!, "replay-filter.mode = fail")
                + plugin("parity.journal-warn", typeof(ScriptedJournal).FullName!, "replay-filter.mode = warn")
                + plugin("parity.journal-repair", typeof(ScriptedJournal).FullName!, "replay-filter.mode = repair-by-discard-old")
                + plugin("parity.journal-off", typeof(ScriptedJournal).FullName!, "replay-filter.mode = off")
                + plugin("parity.snapshots", typeof(ScriptedSnapshotStore).FullName!, "")));
    }
}

/// <summary>A persistent actor that does what a test says and tells it all that happens.</summary>
public sealed class PersistentRecorder(string id, IActorRef probe, Action<PersistentRecorder, object> onCommand, Recovery? recovery, Action<PersistentRecorder, object>? onRecover)
    : UntypedPersistentActor
{
    public override string PersistenceId { get; } = id;

    public override Recovery Recovery { get; } = recovery ?? Recovery.Default;

    /// <summary>The sender of the message being handled.</summary>
    public IActorRef From => Sender;

    public static Props Props(string id, IActorRef probe, Action<PersistentRecorder, object>? onCommand = null, Recovery? recovery = null, Action<PersistentRecorder, object>? onRecover = null) =>
        Akka.Actor.Props.Create(() => new PersistentRecorder(id, probe, onCommand ?? Ignore, recovery, onRecover));

    public void Say(object message) => probe.Tell(message);

    protected override void OnCommand(object message) => onCommand(this, message);

    protected override void OnRecover(object message)
    {
        Say(message switch
        {
            SnapshotOffer offer => $"snapshot {offer.Snapshot}",
            RecoveryCompleted => "completed",
            _ => $"event {message}",
        });
        onRecover?.Invoke(this, message);
    }

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) => Say($"failed {@event} {sequenceNr}: {cause.Message}");

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr) => Say($"rejected {@event} {sequenceNr}: {cause.Message}");

    protected override void OnRecoveryFailure(Exception reason, object? message = null) => Say(new RecoveryFailed(reason, message));

    protected override void PostStop() => Say("stopped");

    private static void Ignore(PersistentRecorder actor, object message) { }

    public sealed record RecoveryFailed(Exception Reason, object? Message);
}
