using System.Globalization;
using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>Reads the settings under <c>actorrepl.chain</c>, each replaced by what a group has under its own <c>chain</c>.</summary>
internal static class ChainSettings
{
    /// <param name="config">The whole settings.</param>
    /// <param name="group">Whose.</param>
    /// <param name="change">What a host says besides.</param>
    /// <exception cref="UserErrorException">A setting is out of its bounds, or two contradict each other.</exception>
    public static ChainOptions Read(Config config, string group, Func<ChainOptions, ChainOptions>? change = null)
    {
        var settings = new ProtocolSettings(config, "chain", group);
        return settings.Checked(Read(settings), change, options => options.Validate());
    }

    private static ChainOptions Read(ProtocolSettings settings)
    {
        int warn = settings.Int("warn-after-beats", 2, 1000), dead = settings.Int("dead-after-beats", 3, 1000);
        return new ChainOptions
        {
            ApportionedReads = settings.Flag("apportioned-reads"),
            LeaseReads = settings.Flag("lease-reads"),
            MinLinksToWrite = settings.Int("min-links-to-write", 1, Membership.MaxMembers),
            HeartbeatMicros = settings.Micros("heartbeat"),
            LeaseMicros = settings.Micros("lease"),
            MaxClockDriftPpm = settings.Drift(),
            DeadAfterBeats = dead,
            CatchUpEntries = settings.Many("catch-up-entries", 1),
            SpliceMicros = settings.Micros("splice-timeout"),
            FirstAnswerMicros = settings.Micros("first-answer"),
            ProposalRetryMicros = settings.Micros("proposal-retry"),
            SwitchoverMicros = settings.Micros("switchover-timeout"),
            SlowBytes = settings.Many("slow.bytes", 1024),
            SlowMicros = settings.Micros("slow.time"),
            SlowAfterMicros = settings.Micros("slow.after"),
            RemoveSlow = settings.Flag("slow.remove"),
            RejoinAfterMicros = settings.Micros("slow.rejoin-after"),
            Regions = Regions(settings),
            MaxBatchBytes = settings.Int("max-batch-bytes", 1024, 1 << 30),
            MaxInFlightMessages = settings.Int("max-in-flight-messages", 1, 1 << 20),
            MaxInFlightBytes = settings.Many("max-in-flight-bytes", 1024),
            MaxPendingRequests = settings.Int("max-pending-requests", 1, int.MaxValue),
            MaxLogBytes = settings.Many("max-log-bytes", 1024),
            CheckpointBytes = settings.Many("checkpoint-bytes", 1024),
            CheckpointEntries = settings.Many("checkpoint-entries", 1),
            KeepBytes = settings.Many("keep-bytes", 0),
            KeepEntries = settings.Many("keep-entries", 0),
            Modes = settings.Modes(warn, dead),
        };
    }

    /// <summary>Each <c>NODE REGION</c>.</summary>
    private static Dictionary<ReplicaId, string> Regions(ProtocolSettings settings)
    {
        string path = settings.At("regions");
        var regions = new Dictionary<ReplicaId, string>();
        foreach (string text in settings.Config.GetStringList(path))
        {
            if (text.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [var node, var region]
                || !int.TryParse(node, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 1 || !regions.TryAdd(new ReplicaId(number), region))
                throw new UserErrorException($"{path} holds '{text}'; each must be 'NODE REGION', such as '3 eu', each node once");
        }

        return regions;
    }
}
