using ActorRepl.Persistence.Plugins;
using Akka.Configuration;

namespace ActorRepl.Persistence;

/// <summary>The journal <c>actorrepl.journal.sqlite</c>: events in a SQLite file.</summary>
public sealed class SqliteJournal(Config config) : EventJournal(
    (stores, report) => stores.Events(PersistenceConfig.StoreOptions(config, PersistenceConfig.SqliteJournalId), report));
