using System.Collections.Concurrent;
using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence;
using Akka.Persistence.Journal;
using Akka.Persistence.Snapshot;

namespace ActorRepl.EngineParity;

/// <summary>What a test tells a <see cref="ScriptedJournal"/> or <see cref="ScriptedSnapshotStore"/> to do, and what was stored.</summary>
public sealed class StorageScript : IDisposable
{
    private static readonly ConcurrentDictionary<string, StorageScript> All = new();
    private readonly Dictionary<string, List<IPersistentRepresentation>> _events = [];
    private readonly Dictionary<string, long> _highest = [];

    public StorageScript() => All[Id] = this;

    public string Id { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Is told a <see cref="Batch"/> for each write that reaches the store, and each persistence id that is replayed.</summary>
    public IActorRef? Observer { get; set; }

    /// <summary>Decides a write: null results store all. Stores all if not set.</summary>
    public Func<AtomicWrite[], Task<IImmutableList<Exception?>?>>? OnWrite { get; set; }

    /// <summary>Runs before each replay; an exception fails it.</summary>
    public Func<string, Task>? OnReplay { get; set; }

    /// <summary>Runs before a snapshot is loaded, saved or deleted ("load", "save", "delete"); an exception fails that.</summary>
    public Func<string, Task>? OnSnapshot { get; set; }

    public static StorageScript Find(Config config) => All[config.GetString("script")];

    public void Dispose() => All.TryRemove(Id, out _);

    public void Store(IPersistentRepresentation each)
    {
        lock (_events)
        {
            if (!_events.TryGetValue(each.PersistenceId, out List<IPersistentRepresentation>? stream)) _events[each.PersistenceId] = stream = [];
            stream.Add(each);
            _highest[each.PersistenceId] = Math.Max(Highest(each.PersistenceId), each.SequenceNr);
        }
    }

    public IPersistentRepresentation[] Read(string persistenceId)
    {
        lock (_events) return _events.TryGetValue(persistenceId, out List<IPersistentRepresentation>? stream) ? [.. stream] : [];
    }

    public long Highest(string persistenceId)
    {
        lock (_events) return _highest.GetValueOrDefault(persistenceId);
    }

    public void DeleteTo(string persistenceId, long toSequenceNr)
    {
        lock (_events) _events[persistenceId].RemoveAll(each => each.SequenceNr <= toSequenceNr);
    }

    /// <summary>One call of the journal to its store: the payloads of each atomic write.</summary>
    public sealed record Batch(string PersistenceId, object[][] Writes)
    {
        public string Text => string.Join(" ", Writes.Select(write => string.Join("+", write)));
    }

    public sealed record Replayed(string PersistenceId);

    /// <summary>A gate a test opens when it has seen what happens before.</summary>
    public sealed class Gate
    {
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Passed => _open.Task;

        public void Open() => _open.TrySetResult();

        public async Task<IImmutableList<Exception?>?> ThenStore()
        {
            await Passed;
            return null;
        }
    }
}

/// <summary>A journal that stores, rejects, fails or waits as its script says.</summary>
public sealed class ScriptedJournal(Config config) : AsyncWriteJournal
{
    private readonly StorageScript _script = StorageScript.Find(config);

    protected override async Task<IImmutableList<Exception?>?> WriteMessagesAsync(IEnumerable<AtomicWrite> messages)
    {
        AtomicWrite[] writes = [.. messages];
        _script.Observer?.Tell(new StorageScript.Batch(writes[0].PersistenceId, [.. writes.Select(write => Events(write).Select(each => each.Payload).ToArray())]));
        IImmutableList<Exception?>? results = _script.OnWrite is { } decide ? await decide(writes) : null;
        for (int i = 0; i < writes.Length; i++)
        {
            if (results?[i] is not null) continue;
            foreach (IPersistentRepresentation each in Events(writes[i])) _script.Store(each);
        }
        return results;
    }

    private static IImmutableList<IPersistentRepresentation> Events(AtomicWrite write) => (IImmutableList<IPersistentRepresentation>)write.Payload;

    public override Task<long> ReadHighestSequenceNrAsync(string persistenceId, long fromSequenceNr) => Task.FromResult(_script.Highest(persistenceId));

    public override async Task ReplayMessagesAsync(IActorContext context, string persistenceId, long fromSequenceNr, long toSequenceNr, long max,
        Action<IPersistentRepresentation> recoveryCallback)
    {
        _script.Observer?.Tell(new StorageScript.Replayed(persistenceId));
        if (_script.OnReplay is { } before) await before(persistenceId);
        foreach (IPersistentRepresentation each in _script.Read(persistenceId))
        {
            if (each.SequenceNr >= fromSequenceNr && each.SequenceNr <= toSequenceNr && max-- > 0) recoveryCallback(each);
        }
    }

    protected override Task DeleteMessagesToAsync(string persistenceId, long toSequenceNr)
    {
        _script.DeleteTo(persistenceId, toSequenceNr);
        return Task.CompletedTask;
    }
}

/// <summary>A snapshot store that fails or waits as its script says.</summary>
public sealed class ScriptedSnapshotStore(Config config) : SnapshotStore
{
    private readonly StorageScript _script = StorageScript.Find(config);
    private readonly List<SelectedSnapshot> _stored = [];

    protected override async Task<SelectedSnapshot?> LoadAsync(string persistenceId, SnapshotSelectionCriteria criteria)
    {
        await Before("load");
        return _stored.Where(each => each.Metadata.PersistenceId == persistenceId && each.Metadata.SequenceNr <= criteria.MaxSequenceNr)
            .MaxBy(each => each.Metadata.SequenceNr);
    }

    protected override async Task SaveAsync(SnapshotMetadata metadata, object snapshot)
    {
        await Before("save");
        _stored.Add(new SelectedSnapshot(metadata, snapshot));
    }

    protected override async Task DeleteAsync(SnapshotMetadata metadata)
    {
        await Before("delete");
        _stored.RemoveAll(each => each.Metadata.PersistenceId == metadata.PersistenceId && each.Metadata.SequenceNr == metadata.SequenceNr);
    }

    protected override async Task DeleteAsync(string persistenceId, SnapshotSelectionCriteria criteria)
    {
        await Before("delete");
        _stored.RemoveAll(each => each.Metadata.PersistenceId == persistenceId && each.Metadata.SequenceNr <= criteria.MaxSequenceNr);
    }

    private Task Before(string what) => _script.OnSnapshot is { } before ? before(what) : Task.CompletedTask;
}
