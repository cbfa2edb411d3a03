using System.Collections.Concurrent;
using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence;
using Akka.Persistence.Journal;
using Akka.Persistence.Snapshot;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>What the journals of one test do wrong, by persistence id.</summary>
internal sealed class JournalFaults
{
    private static readonly ConcurrentDictionary<string, JournalFaults> All = new();

    private volatile Predicate<string> _fails = _ => false;
    private volatile Predicate<string> _failsOnceWritten = _ => false;
    private volatile Predicate<string> _refuses = _ => false;
    private volatile Predicate<string> _loses = _ => false;
    private volatile Predicate<string> _cannotLoad = _ => false;
    private volatile Func<string, Task> _delaysSaving = _ => Task.CompletedTask;
    private volatile Func<string, Task> _delaysWriting = _ => Task.CompletedTask;

    public JournalFaults() => All[Id] = this;

    public string Id { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Writes fail with an unknown outcome.</summary>
    public Predicate<string> Fails { get => _fails; set => _fails = value; }

    /// <summary>Writes fail with an unknown outcome, and were written.</summary>
    public Predicate<string> FailsOnceWritten { get => _failsOnceWritten; set => _failsOnceWritten = value; }

    /// <summary>Writes are refused as on a full disk.</summary>
    public Predicate<string> Refuses { get => _refuses; set => _refuses = value; }

    /// <summary>The last event replayed is damaged.</summary>
    public Predicate<string> Damages { get => _loses; set => _loses = value; }

    /// <summary>Snapshots cannot be loaded now, but are there.</summary>
    public Predicate<string> CannotLoad { get => _cannotLoad; set => _cannotLoad = value; }

    /// <summary>Events are written, or not, when this is over.</summary>
    public Func<string, Task> DelaysWriting { get => _delaysWriting; set => _delaysWriting = value; }

    /// <summary>Snapshots are saved when this is over.</summary>
    public Func<string, Task> DelaysSaving { get => _delaysSaving; set => _delaysSaving = value; }

    public Config Config => ConfigurationFactory.ParseString($$"""
        akka.persistence.journal.plugin = faulty-journal
        faulty-journal {
          class = "{{typeof(FaultyJournal).FullName}}, {{typeof(FaultyJournal).Assembly.GetName().Name}}"
          plugin-dispatcher = "akka.actor.default-dispatcher"
          faults = {{Id}}
          circuit-breaker.max-failures = 1000000
        }
        akka.persistence.snapshot-store.plugin = faulty-snapshots
        faulty-snapshots {
          class = "{{typeof(FaultySnapshots).FullName}}, {{typeof(FaultySnapshots).Assembly.GetName().Name}}"
          plugin-dispatcher = "akka.actor.default-dispatcher"
          faults = {{Id}}
          circuit-breaker.max-failures = 1000000
        }
        """);

    public static JournalFaults Of(string id) => All[id];
}

/// <summary>An in-memory journal that fails on demand.</summary>
public sealed class FaultyJournal(Config config) : MemoryJournal
{
    private readonly JournalFaults _faults = JournalFaults.Of(config.GetString("faults"));

    protected override async Task<IImmutableList<Exception>> WriteMessagesAsync(IEnumerable<AtomicWrite> messages)
    {
        AtomicWrite[] writes = [.. messages];
        foreach (AtomicWrite write in writes)
            await _faults.DelaysWriting(write.PersistenceId);
        if (writes.Any(write => _faults.Fails(write.PersistenceId)))
            throw new IOException("the disk is gone");
        if (writes.Any(write => _faults.Refuses(write.PersistenceId)))
            return [.. writes.Select(_ => new IOException("the disk is full"))];
        IImmutableList<Exception> written = await base.WriteMessagesAsync(writes);
        return writes.Any(write => _faults.FailsOnceWritten(write.PersistenceId)) ? throw new IOException("the disk is gone, after the write") : written;
    }

    public override async Task ReplayMessagesAsync(
        IActorContext context, string persistenceId, long fromSequenceNr, long toSequenceNr, long max, Action<IPersistentRepresentation> recoveryCallback)
    {
        if (!_faults.Damages(persistenceId))
        {
            await base.ReplayMessagesAsync(context, persistenceId, fromSequenceNr, toSequenceNr, max, recoveryCallback);
            return;
        }

        var events = new List<IPersistentRepresentation>();
        await base.ReplayMessagesAsync(context, persistenceId, fromSequenceNr, toSequenceNr, max, events.Add);
        for (int i = 0; i < events.Count; i++)
            recoveryCallback(i < events.Count - 1 ? events[i] : events[i].WithPayload(new DamagedRecord(events[i].SequenceNr, "bit rot")));
    }
}

/// <summary>An in-memory snapshot store that fails and dawdles on demand.</summary>
public sealed class FaultySnapshots : MemorySnapshotStore
{
    private readonly JournalFaults _faults;

    public FaultySnapshots(Config config) => _faults = JournalFaults.Of(config.GetString("faults"));

    protected override Task<SelectedSnapshot> LoadAsync(string persistenceId, SnapshotSelectionCriteria criteria) => _faults.CannotLoad(persistenceId)
        ? Task.FromException<SelectedSnapshot>(new IOException("the disk does not answer"))
        : base.LoadAsync(persistenceId, criteria);

    protected override async Task SaveAsync(SnapshotMetadata metadata, object snapshot)
    {
        await _faults.DelaysSaving(metadata.PersistenceId);
        await base.SaveAsync(metadata, snapshot);
    }
}
