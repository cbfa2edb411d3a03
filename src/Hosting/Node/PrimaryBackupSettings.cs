using System.Globalization;
using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;
using ActorRepl.Protocols.PrimaryBackup;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>Reads the settings under <c>actorrepl.primary-backup</c>.</summary>
internal static class PrimaryBackupSettings
{
    private const string Root = "actorrepl.primary-backup";

    // Beyond half, nothing is left of any lease.
    private const int MaxDriftPpm = 500_000;

    private static readonly TimeSpan Milli = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private static readonly Dictionary<string, AckLevel> Levels = new()
    {
        ["async"] = AckLevel.Async, ["semi-sync"] = AckLevel.SemiSync, ["sync"] = AckLevel.Sync, ["quorum"] = AckLevel.Quorum,
    };

    private static readonly Dictionary<string, AckReach> Reaches = new()
    {
        ["received"] = AckReach.Received, ["durable"] = AckReach.Durable, ["applied"] = AckReach.Applied,
    };

    private static readonly Dictionary<string, OnAckTimeout> Ends = new() { ["degrade"] = OnAckTimeout.Degrade, ["refuse"] = OnAckTimeout.Refuse };

    private static readonly Dictionary<string, FloorPolicy> Floors = new() { ["read-only"] = FloorPolicy.ReadOnly, ["keep-writing"] = FloorPolicy.KeepWriting };

    /// <param name="config">The whole settings.</param>
    /// <param name="ack">What a host says of the group's own concern; what it leaves open the settings say.</param>
    /// <param name="change">What else a host says.</param>
    /// <exception cref="UserErrorException">A setting is out of its bounds, or two contradict each other.</exception>
    public static PrimaryBackupOptions Read(Config config, WriteConcern ack = default, Func<PrimaryBackupOptions, PrimaryBackupOptions>? change = null)
    {
        int warn = config.Int($"{Root}.warn-after-beats", 2, 1000), dead = config.Int($"{Root}.dead-after-beats", 3, 1000);
        var options = new PrimaryBackupOptions
        {
            Concern = Concern(config, ack),
            HeartbeatMicros = Micros(config, "heartbeat"),
            LeaseMicros = Micros(config, "lease"),
            MaxClockDriftPpm = config.Int($"{Root}.max-clock-drift", 0, MaxDriftPpm),
            WarnAfterBeats = warn,
            DeadAfterBeats = dead,
            MinReplicasToWrite = config.Int($"{Root}.min-replicas-to-write", 0, Membership.MaxMembers - 1),
            MinReplicasMaxLagMicros = Micros(config, "min-replicas-max-lag"),
            LeaseReads = config.Flag($"{Root}.lease-reads"),
            CatchUpEntries = config.Bytes($"{Root}.catch-up-entries", 1, 1L << 40),
            FirstAnswerMicros = Micros(config, "first-answer"),
            ProposalRetryMicros = Micros(config, "proposal-retry"),
            TakeOverPatienceMicros = Micros(config, "take-over-patience"),
            SwitchoverMicros = Micros(config, "switchover-timeout"),
            MaxBatchBytes = config.Int($"{Root}.max-batch-bytes", 1024, 1 << 30),
            MaxInFlightMessages = config.Int($"{Root}.max-in-flight-messages", 1, 1 << 20),
            MaxInFlightBytes = config.Bytes($"{Root}.max-in-flight-bytes", 1024, 1L << 40),
            MaxPendingRequests = config.Int($"{Root}.max-pending-requests", 1, int.MaxValue),
            MaxLogBytes = config.Bytes($"{Root}.max-log-bytes", 1024, 1L << 40),
            CheckpointBytes = config.Bytes($"{Root}.checkpoint-bytes", 1024, 1L << 40),
            CheckpointEntries = config.Bytes($"{Root}.checkpoint-entries", 1, 1L << 40),
            KeepBytes = config.Bytes($"{Root}.keep-bytes", 0, 1L << 40),
            KeepEntries = config.Bytes($"{Root}.keep-entries", 0, 1L << 40),
            SlotBytes = config.Bytes($"{Root}.slot-bytes", 0, 1L << 40),
            AtRiskBytes = config.Bytes($"{Root}.at-risk-bytes", 0, 1L << 30),
            Parts = Parts(config),
            Modes = new ModeOptions
            {
                HealthyLagMicros = Micros(config, "modes.healthy-lag"),
                DegradedLagMicros = Micros(config, "modes.degraded-lag"),
                CriticalLagMicros = Micros(config, "modes.critical-lag"),
                WarnBeats = warn,
                DeadBeats = dead,
                SettleMicros = OrNone(config, "modes.settle"),
                MinimumStayMicros = OrNone(config, "modes.minimum-stay"),
                AckTimeoutMicros = OrNone(config, "modes.ack-timeout"),
                PaceWindowMicros = Micros(config, "modes.pace-window"),
                FloorReplicas = config.Int($"{Root}.modes.floor-replicas", 0, Membership.MaxMembers - 1),
                AtFloor = config.Choice($"{Root}.modes.at-floor", Floors),
            },
        };
        try
        {
            return (change?.Invoke(options) ?? options).Validate();
        }
        catch (ArgumentException contradiction)
        {
            throw new UserErrorException($"{Root}: {contradiction.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static WriteConcern Concern(Config config, WriteConcern ack)
    {
        if (ack.Contradiction is { } wrong)
            throw new UserErrorException($"the acknowledgement of a group: {wrong}");
        AckLevel level = ack.Level != AckLevel.Default ? ack.Level : config.Choice($"{Root}.ack.level", Levels);
        int backups = ack.Backups > 0 ? ack.Backups : config.Int($"{Root}.ack.backups", 1, Membership.MaxMembers - 1);
        AckReach reach = ack.Reach != AckReach.Default ? ack.Reach : config.Choice($"{Root}.ack.reach", Reaches);
        var timeout = (int)config.Time($"{Root}.ack.timeout", Milli, Hour).TotalMilliseconds;
        OnAckTimeout onTimeout = ack.OnTimeout != OnAckTimeout.Default ? ack.OnTimeout : config.Choice($"{Root}.ack.on-timeout", Ends);
        return new WriteConcern(level, level == AckLevel.SemiSync ? (byte)backups : (byte)0, reach, ack.TimeoutMillis > 0 ? ack.TimeoutMillis : timeout, onTimeout);
    }

    /// <summary>Each <c>NODE delay TIME</c> or <c>NODE upstream NODE</c>.</summary>
    private static Dictionary<ReplicaId, MemberPart> Parts(Config config)
    {
        const string path = $"{Root}.parts";
        var parts = new Dictionary<ReplicaId, MemberPart>();
        foreach (string text in config.GetStringList(path))
        {
            string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words is not [var node, "delay" or "upstream", .. { Length: > 0 } rest] || Number(node) is not { } id)
                throw Wrong(text);
            MemberPart part = parts.GetValueOrDefault(id) ?? new MemberPart();
            parts[id] = words[1] == "upstream"
                ? part with { Upstream = rest is [var upstream] && Number(upstream) is { } other && other != id ? other : throw Wrong(text) }
                : part with { DelayMillis = Delay(string.Join(' ', rest), text) };
        }

        return parts;

        static UserErrorException Wrong(string text) =>
            new($"{path} holds '{text}'; each must be 'NODE delay TIME', such as '3 delay 10m', or 'NODE upstream NODE', two different node numbers");

        static ReplicaId? Number(string text) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? new ReplicaId(number) : null;

        static int Delay(string time, string text)
        {
            try
            {
                double millis = ConfigurationFactory.ParseString($"t = {time}").GetTimeSpan("t").TotalMilliseconds;
                return millis is >= 1 and <= int.MaxValue ? (int)millis : throw Wrong(text);
            }
            catch (Exception unreadable) when (unreadable is FormatException or ConfigurationException or OverflowException)
            {
                throw Wrong(text);
            }
        }
    }

    private static long Micros(Config config, string name) => (long)config.Time($"{Root}.{name}", Milli, Hour).TotalMicroseconds;

    private static long OrNone(Config config, string name) => (long)config.Time($"{Root}.{name}", TimeSpan.Zero, Hour).TotalMicroseconds;
}
