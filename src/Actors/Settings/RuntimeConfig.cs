using ActorRepl.Protocols.Multiplex;
using Akka.Configuration;

namespace ActorRepl.Actors.Settings;

/// <summary>The settings of this assembly in HOCON: the file hocon/actors.conf.</summary>
public static class RuntimeConfig
{
    private static readonly Lazy<Config> Defaults = new(Load);

    /// <summary>Every setting with its default, the serializers of this assembly included. A fallback for an actor system.</summary>
    public static Config Reference => Defaults.Value;

    /// <summary>Takes limits and delays from under <c>actorrepl</c>; what is left out there keeps its default.</summary>
    /// <exception cref="ArgumentException">A setting is no number, size or duration, or out of bounds.</exception>
    public static ReplicationSettings WithConfig(this ReplicationSettings settings, Config config)
    {
        var all = new Reader(config.WithFallback(Reference));
        ReplicationSettings read = settings with
        {
            RequestTimeout = all.Time("request-timeout"),
            Limits = new WireLimits
            {
                MaxFrameBytes = all.Int("max-frame-bytes"),
                MaxRequestBytes = all.Int("limits.max-request-bytes"),
                BatchBytes = all.Int("limits.batch-bytes"),
                SegmentBytes = all.Int("limits.segment-bytes"),
            },
            Router = new RouterSettings
            {
                MaxRequests = all.Int("router.max-requests"),
                MaxBytes = all.Bytes("router.max-bytes", long.MaxValue),
                MaxBatch = all.Int("router.max-batch"),
                MinBackoff = all.Time("router.min-backoff"),
                MaxBackoff = all.Time("router.max-backoff"),
                DeadlineCheck = all.Time("router.deadline-check"),
                AboutAsFast = all.Time("router.about-as-fast"),
            },
            Replica = new ReplicaSettings
            {
                MaxWriteRecords = all.Int("replica.max-write-records"),
                MaxWriteBytes = all.Int("replica.max-write-bytes"),
                MinWriteRetry = all.Time("replica.min-write-retry"),
                MaxWriteRetry = all.Time("replica.max-write-retry"),
                MinRestart = all.Time("replica.min-restart"),
                MaxRestart = all.Time("replica.max-restart"),
                RestartReset = all.Time("replica.restart-reset"),
                DeleteStep = all.Int("replica.delete-step"),
                StoreTimeout = all.Time("replica.store-timeout"),
                WallClockError = all.Time("replica.wall-clock-error"),
            },
            Multiplexer = new MultiplexerOptions
            {
                BeatMicros = (long)all.Time("multiplexer.beat").TotalMicroseconds,
                SilenceMicros = (long)all.Time("multiplexer.silence").TotalMicroseconds,
                MaxBundleBytes = all.Int("multiplexer.max-bundle-bytes"),
            },
        };
        read.Multiplexer.Validate();
        read.Limits.Validate();
        return read;
    }

    private static Config Load()
    {
        using Stream stream = typeof(RuntimeConfig).Assembly.GetManifestResourceStream("hocon.actors.conf")!;
        using var reader = new StreamReader(stream);
        return ConfigurationFactory.ParseString(reader.ReadToEnd());
    }

    private sealed class Reader(Config config)
    {
        public int Int(string name) => (int)Bytes(name, int.MaxValue);

        public long Bytes(string name, long most)
        {
            long value = Read(name, path => config.GetByteSize(path) ?? 0);
            return value >= 1 && value <= most ? value : throw new ArgumentException($"actorrepl.{name} is {value}; it must be 1 to {most}");
        }

        public TimeSpan Time(string name)
        {
            TimeSpan value = Read(name, path => config.GetTimeSpan(path));
            return value > TimeSpan.Zero && value <= TimeSpan.FromDays(1)
                ? value
                : throw new ArgumentException($"actorrepl.{name} is {value}; it must be above 0 and at most a day");
        }

        private T Read<T>(string name, Func<string, T> read)
        {
            string path = $"actorrepl.{name}";
            try
            {
                return read(path);
            }
            catch (Exception wrong) when (wrong is FormatException or ConfigurationException or OverflowException)
            {
                throw new ArgumentException($"{path} is '{config.GetString(path)}': {wrong.Message}", wrong);
            }
        }
    }
}
