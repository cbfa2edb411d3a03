using System.Globalization;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>Reads the settings under <c>actorrepl.primary-backup</c>, each replaced by what a group has under its own <c>primary-backup</c>.</summary>
internal sealed class PrimaryBackupSettings
{
    private static readonly Dictionary<string, AckLevel> Levels = new()
    {
        ["async"] = AckLevel.Async, ["semi-sync"] = AckLevel.SemiSync, ["sync"] = AckLevel.Sync, ["quorum"] = AckLevel.Quorum,
    };

    private static readonly Dictionary<string, AckReach> Reaches = new()
    {
        ["received"] = AckReach.Received, ["durable"] = AckReach.Durable, ["applied"] = AckReach.Applied,
    };

    private static readonly Dictionary<string, OnAckTimeout> Ends = new() { ["degrade"] = OnAckTimeout.Degrade, ["refuse"] = OnAckTimeout.Refuse };

    private readonly ProtocolSettings _settings;

    private PrimaryBackupSettings(ProtocolSettings settings) => _settings = settings;

    /// <param name="config">The whole settings.</param>
    /// <param name="group">Whose.</param>
    /// <param name="ack">What a host says of the group's own concern; what it leaves open the settings say.</param>
    /// <param name="change">What else a host says.</param>
    /// <exception cref="UserErrorException">A setting is out of its bounds, or two contradict each other.</exception>
    public static PrimaryBackupOptions Read(Config config, string group, WriteConcern ack = default, Func<PrimaryBackupOptions, PrimaryBackupOptions>? change = null)
    {
        var settings = new ProtocolSettings(config, "primary-backup", group);
        return settings.Checked(new PrimaryBackupSettings(settings).Read(ack), change, options => options.Validate());
    }

    private PrimaryBackupOptions Read(WriteConcern ack)
    {
        int warn = _settings.Int("warn-after-beats", 2, 1000), dead = _settings.Int("dead-after-beats", 3, 1000);
        return new PrimaryBackupOptions
        {
            Concern = Concern(ack),
            HeartbeatMicros = _settings.Micros("heartbeat"),
            LeaseMicros = _settings.Micros("lease"),
            MaxClockDriftPpm = _settings.Drift(),
            WarnAfterBeats = warn,
            DeadAfterBeats = dead,
            MinReplicasToWrite = _settings.Int("min-replicas-to-write", 0, Membership.MaxMembers - 1),
            MinReplicasMaxLagMicros = _settings.Micros("min-replicas-max-lag"),
            LeaseReads = _settings.Flag("lease-reads"),
            CatchUpEntries = _settings.Many("catch-up-entries", 1),
            FirstAnswerMicros = _settings.Micros("first-answer"),
            ProposalRetryMicros = _settings.Micros("proposal-retry"),
            TakeOverPatienceMicros = _settings.Micros("take-over-patience"),
            SwitchoverMicros = _settings.Micros("switchover-timeout"),
            MaxBatchBytes = _settings.Int("max-batch-bytes", 1024, 1 << 30),
            MaxInFlightMessages = _settings.Int("max-in-flight-messages", 1, 1 << 20),
            MaxInFlightBytes = _settings.Many("max-in-flight-bytes", 1024),
            MaxPendingRequests = _settings.Int("max-pending-requests", 1, int.MaxValue),
            MaxLogBytes = _settings.Many("max-log-bytes", 1024),
            CheckpointBytes = _settings.Many("checkpoint-bytes", 1024),
            CheckpointEntries = _settings.Many("checkpoint-entries", 1),
            KeepBytes = _settings.Many("keep-bytes", 0),
            KeepEntries = _settings.Many("keep-entries", 0),
            SlotBytes = _settings.Many("slot-bytes", 0),
            AtRiskBytes = _settings.Many("at-risk-bytes", 0),
            Parts = Parts(),
            Modes = _settings.Modes(warn, dead),
        };
    }

    private WriteConcern Concern(WriteConcern ack)
    {
        if (ack.Contradiction is { } wrong)
            throw new UserErrorException($"the acknowledgement of a group: {wrong}");
        AckLevel level = ack.Level != AckLevel.Default ? ack.Level : _settings.Choice("ack.level", Levels);
        int backups = ack.Backups > 0 ? ack.Backups : _settings.Int("ack.backups", 1, Membership.MaxMembers - 1);
        AckReach reach = ack.Reach != AckReach.Default ? ack.Reach : _settings.Choice("ack.reach", Reaches);
        var timeout = (int)_settings.Time("ack.timeout").TotalMilliseconds;
        OnAckTimeout onTimeout = ack.OnTimeout != OnAckTimeout.Default ? ack.OnTimeout : _settings.Choice("ack.on-timeout", Ends);
        return new WriteConcern(level, level == AckLevel.SemiSync ? (byte)backups : (byte)0, reach, ack.TimeoutMillis > 0 ? ack.TimeoutMillis : timeout, onTimeout);
    }

    /// <summary>Each <c>NODE delay TIME</c> or <c>NODE upstream NODE</c>.</summary>
    private Dictionary<ReplicaId, MemberPart> Parts()
    {
        string path = _settings.At("parts");
        var parts = new Dictionary<ReplicaId, MemberPart>();
        foreach (string text in _settings.Config.GetStringList(path))
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
}
