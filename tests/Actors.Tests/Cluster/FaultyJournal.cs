using System.Collections.Concurrent;
using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence;
using Akka.Persistence.Journal;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>What the journals of one test do wrong, by persistence id.</summary>
internal sealed class JournalFaults
{
    private static readonly ConcurrentDictionary<string, JournalFaults> All = new();

    private volatile Predicate<string> _fails = _ => false;
    private volatile Predicate<string> _refuses = _ => false;
    private volatile Predicate<string> _loses = _ => false;

    public JournalFaults() => All[Id] = this;

    public string Id { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Writes fail with an unknown outcome.</summary>
    public Predicate<string> Fails { get => _fails; set => _fails = value; }

    /// <summary>Writes are refused as on a full disk.</summary>
    public Predicate<string> Refuses { get => _refuses; set => _refuses = value; }

    /// <summary>The last event replayed is damaged.</summary>
    public Predicate<string> Damages { get => _loses; set => _loses = value; }

    public Config Config => ConfigurationFactory.ParseString($$"""
        akka.persistence.journal.plugin = faulty-journal
        faulty-journal {
          class = "{{typeof(FaultyJournal).FullName}}, {{typeof(FaultyJournal).Assembly.GetName().Name}}"
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

    protected override Task<IImmutableList<Exception>> WriteMessagesAsync(IEnumerable<AtomicWrite> messages)
    {
        AtomicWrite[] writes = [.. messages];
        if (writes.Any(write => _faults.Fails(write.PersistenceId)))
            return Task.FromException<IImmutableList<Exception>>(new IOException("the disk is gone"));
        if (writes.Any(write => _faults.Refuses(write.PersistenceId)))
            return Task.FromResult<IImmutableList<Exception>>([.. writes.Select(_ => new IOException("the disk is full"))]);
        return base.WriteMessagesAsync(writes);
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
