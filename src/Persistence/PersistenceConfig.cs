using Akka.Configuration;

namespace ActorRepl.Persistence;

/// <summary>The settings of this library, and the ids of its plugins.</summary>
public static class PersistenceConfig
{
    /// <summary>Events in a log of preallocated files.</summary>
    public const string SegmentJournalId = "actorrepl.journal.segment";

    /// <summary>Events in a SQLite file.</summary>
    public const string SqliteJournalId = "actorrepl.journal.sqlite";

    /// <summary>The journal of new data, unless a setting says otherwise.</summary>
    public const string JournalPluginId = SegmentJournalId;
    public const string SnapshotPluginId = "actorrepl.snapshot-store.sqlite";

    /// <summary>hocon/persistence.conf: every setting with its default.</summary>
    public static Config Reference { get; } = ConfigurationFactory.FromResource("ActorRepl.Persistence.persistence.conf", typeof(PersistenceConfig).Assembly);

    /// <summary>The reference with all plugins keeping their files in this directory.</summary>
    /// <param name="directory">The node's data directory.</param>
    /// <param name="dispatcher">Id of the dispatcher that replicas run on; the journal runs there too, so that batches grow.</param>
    public static Config For(string directory, string dispatcher = "akka.actor.default-dispatcher")
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        ArgumentException.ThrowIfNullOrWhiteSpace(dispatcher);
        string quoted = directory.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        return ConfigurationFactory.ParseString($"""
            {SegmentJournalId}.directory = "{quoted}"
            {SegmentJournalId}.plugin-dispatcher = "{dispatcher}"
            {SqliteJournalId}.directory = "{quoted}"
            {SqliteJournalId}.plugin-dispatcher = "{dispatcher}"
            {SnapshotPluginId}.directory = "{quoted}"
            """).WithFallback(Reference);
    }

    /// <summary>The limits that the section of a SQLite plugin states.</summary>
    /// <exception cref="ConfigurationException">A setting is missing or makes no sense; names it.</exception>
    internal static StoreOptions StoreOptions(Config section, string pluginId) => Read(section, pluginId, directory =>
    {
        var defaults = new StoreOptions { Directory = directory };
        return new StoreOptions
        {
            Directory = directory,
            MaxBytes = Size(section, "max-size", defaults.MaxBytes),
            LogBytes = checked((int)Size(section, "log-size", defaults.LogBytes)),
            CacheBytes = checked((int)Size(section, "cache-size", defaults.CacheBytes)),
            MaxTransactionBytes = checked((int)Size(section, "max-transaction-size", defaults.MaxTransactionBytes)),
            MaxWaitingWrites = section.GetInt("max-waiting-writes", defaults.MaxWaitingWrites),
            DeleteRows = section.GetInt("delete-rows", defaults.DeleteRows),
            Readers = section.GetInt("readers", defaults.Readers),
        }.Validated();
    });

    /// <summary>The limits that the section of a segment journal states.</summary>
    /// <exception cref="ConfigurationException">A setting is missing or makes no sense; names it.</exception>
    internal static SegmentOptions SegmentOptions(Config section, string pluginId) => Read(section, pluginId, directory =>
    {
        var defaults = new SegmentOptions { Directory = directory };
        return new SegmentOptions
        {
            Directory = directory,
            MaxBytes = Size(section, "max-size", defaults.MaxBytes),
            FirstSegmentBytes = checked((int)Size(section, "first-segment-size", defaults.FirstSegmentBytes)),
            SegmentBytes = checked((int)Size(section, "segment-size", defaults.SegmentBytes)),
            SpareBytes = Size(section, "spare-size", defaults.SpareBytes),
            CompactAboveBytes = Size(section, "compact-above", defaults.CompactAboveBytes),
            MaxTransactionBytes = checked((int)Size(section, "max-transaction-size", defaults.MaxTransactionBytes)),
            MaxWaitingWrites = section.GetInt("max-waiting-writes", defaults.MaxWaitingWrites),
            Readers = section.GetInt("readers", defaults.Readers),
        }.Validated();
    });

    private static TOptions Read<TOptions>(Config section, string pluginId, Func<string, TOptions> read)
    {
        string directory = section.GetString("directory", "");
        if (string.IsNullOrWhiteSpace(directory))
            throw new ConfigurationException($"{pluginId}.directory is empty; it must name the directory of the node's data");
        try
        {
            return read(directory);
        }
        catch (Exception e) when (e is ArgumentException or OverflowException or FormatException)
        {
            throw new ConfigurationException($"{pluginId}: {e.Message}", e);
        }
    }

    private static long Size(Config section, string name, long otherwise) => section.GetByteSize(name, otherwise) ?? otherwise;
}
