using ActorRepl.Persistence.Plugins;
using Akka.Configuration;

namespace ActorRepl.Persistence;

/// <summary>The journal <c>actorrepl.journal.segment</c>: events in a log of preallocated files.</summary>
public sealed class SegmentJournal(Config config) : EventJournal(
    (stores, report) => stores.Events(PersistenceConfig.SegmentOptions(config, PersistenceConfig.SegmentJournalId), report));
