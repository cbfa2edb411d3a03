using System.Globalization;
using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;
using ActorRepl.Protocols.PrimaryBackup;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>Reads the settings under <c>actorrepl.primary-backup</c>, each replaced by what a group has under its own <c>primary-backup</c>.</summary>
internal sealed class PrimaryBackupSettings
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

    private readonly Config _config;
    private readonly string _ofGroup;

    private PrimaryBackupSettings(Config config, string group)
    {
        _config = config;
        _ofGroup = $"actorrepl.groups.{group}.primary-backup";
    }

    /// <param name="config">The whole settings.</param>
    /// <param name="group">Whose.</param>
    /// <param name="ack">What a host says of the group's own concern; what it leaves open the settings say.</param>
    /// <param name="change">What else a host says.</param>
    /// <exception cref="UserErrorException">A setting is out of its bounds, or two contradict each other.</exception>
    public static PrimaryBackupOptions Read(Config config, string group, WriteConcern ack = default, Func<PrimaryBackupOptions, PrimaryBackupOptions>? change = null)
    {
        PrimaryBackupOptions options = new PrimaryBackupSettings(config, group).Read(ack);
        try
        {
            return (change?.Invoke(options) ?? options).Validate();
        }
        catch (ArgumentException contradiction)
        {
            throw new UserErrorException($"{Root} of group '{group}': {contradiction.Message.ReplaceLineEndings(" ")}");
        }
    }

    private PrimaryBackupOptions Read(WriteConcern ack)
    {
        int warn = Int("warn-after-beats", 2, 1000), dead = Int("dead-after-beats", 3, 1000);
        return new PrimaryBackupOptions
        {
            Concern = Concern(ack),
            HeartbeatMicros = Micros("heartbeat"),
            LeaseMicros = Micros("lease"),
            MaxClockDriftPpm = Int("max-clock-drift", 0, MaxDriftPpm),
            WarnAfterBeats = warn,
            DeadAfterBeats = dead,
            MinReplicasToWrite = Int("min-replicas-to-write", 0, Membership.MaxMembers - 1),
            MinReplicasMaxLagMicros = Micros("min-replicas-max-lag"),
            LeaseReads = _config.Flag(At("lease-reads")),
            CatchUpEntries = Bytes("catch-up-entries", 1, 1L << 40),
            FirstAnswerMicros = Micros("first-answer"),
            ProposalRetryMicros = Micros("proposal-retry"),
            TakeOverPatienceMicros = Micros("take-over-patience"),
            SwitchoverMicros = Micros("switchover-timeout"),
            MaxBatchBytes = Int("max-batch-bytes", 1024, 1 << 30),
            MaxInFlightMessages = Int("max-in-flight-messages", 1, 1 << 20),
            MaxInFlightBytes = Bytes("max-in-flight-bytes", 1024, 1L << 40),
            MaxPendingRequests = Int("max-pending-requests", 1, int.MaxValue),
            MaxLogBytes = Bytes("max-log-bytes", 1024, 1L << 40),
            CheckpointBytes = Bytes("checkpoint-bytes", 1024, 1L << 40),
            CheckpointEntries = Bytes("checkpoint-entries", 1, 1L << 40),
            KeepBytes = Bytes("keep-bytes", 0, 1L << 40),
            KeepEntries = Bytes("keep-entries", 0, 1L << 40),
            SlotBytes = Bytes("slot-bytes", 0, 1L << 40),
            AtRiskBytes = Bytes("at-risk-bytes", 0, 1L << 40),
            Parts = Parts(),
            Modes = new ModeOptions
            {
                HealthyLagMicros = Micros("modes.healthy-lag"),
                DegradedLagMicros = Micros("modes.degraded-lag"),
                CriticalLagMicros = Micros("modes.critical-lag"),
                WarnBeats = warn,
                DeadBeats = dead,
                SettleMicros = OrNone("modes.settle"),
                MinimumStayMicros = OrNone("modes.minimum-stay"),
                AckTimeoutMicros = OrNone("modes.ack-timeout"),
                PaceWindowMicros = Micros("modes.pace-window"),
                FloorReplicas = Int("modes.floor-replicas", 0, Membership.MaxMembers - 1),
                AtFloor = _config.Choice(At("modes.at-floor"), Floors),
            },
        };
    }

    private WriteConcern Concern(WriteConcern ack)
    {
        if (ack.Contradiction is { } wrong)
            throw new UserErrorException($"the acknowledgement of a group: {wrong}");
        AckLevel level = ack.Level != AckLevel.Default ? ack.Level : _config.Choice(At("ack.level"), Levels);
        int backups = ack.Backups > 0 ? ack.Backups : Int("ack.backups", 1, Membership.MaxMembers - 1);
        AckReach reach = ack.Reach != AckReach.Default ? ack.Reach : _config.Choice(At("ack.reach"), Reaches);
        var timeout = (int)_config.Time(At("ack.timeout"), Milli, Hour).TotalMilliseconds;
        OnAckTimeout onTimeout = ack.OnTimeout != OnAckTimeout.Default ? ack.OnTimeout : _config.Choice(At("ack.on-timeout"), Ends);
        return new WriteConcern(level, level == AckLevel.SemiSync ? (byte)backups : (byte)0, reach, ack.TimeoutMillis > 0 ? ack.TimeoutMillis : timeout, onTimeout);
    }

    /// <summary>Each <c>NODE delay TIME</c> or <c>NODE upstream NODE</c>.</summary>
    private Dictionary<ReplicaId, MemberPart> Parts()
    {
        string path = At("parts");
        var parts = new Dictionary<ReplicaId, MemberPart>();
        foreach (string text in _config.GetStringList(path))
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

        UserErrorException Wrong(string text) =>
            new($"{path} holds '{text}'; each must be 'NODE delay TIME', such as '3 delay 10m', or 'NODE upstream NODE', two different node numbers");

        static ReplicaId? Number(string text) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? new ReplicaId(number) : null;

        int Delay(string time, string text)
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

    /// <summary>The path of a setting: the group's own, where it has one.</summary>
    private string At(string name) => _config.HasPath($"{_ofGroup}.{name}") ? $"{_ofGroup}.{name}" : $"{Root}.{name}";

    private int Int(string name, long least, long most) => _config.Int(At(name), least, most);

    private long Bytes(string name, long least, long most) => _config.Bytes(At(name), least, most);

    private long Micros(string name) => (long)_config.Time(At(name), Milli, Hour).TotalMicroseconds;

    private long OrNone(string name) => (long)_config.Time(At(name), TimeSpan.Zero, Hour).TotalMicroseconds;
}
