using System.Globalization;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>Reads the settings under <c>actorrepl.quorum</c>, each replaced by what a group has under its own <c>quorum</c>.</summary>
internal static class QuorumSettings
{
    private static readonly Dictionary<string, Resolution> Resolutions = new()
    {
        ["siblings"] = Resolution.Siblings, ["last-write-wins"] = Resolution.LastWriteWins, ["region-priority"] = Resolution.RegionPriority,
    };

    // Around a message on its way.
    private const int FrameHead = 4096;

    private static readonly TimeSpan Milli = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Year = TimeSpan.FromDays(365);

    /// <param name="config">The whole settings.</param>
    /// <param name="group">Whose.</param>
    /// <param name="change">What a host says besides.</param>
    /// <exception cref="UserErrorException">A setting is out of its bounds, or two contradict each other.</exception>
    public static QuorumOptions Read(Config config, string group, Func<QuorumOptions, QuorumOptions>? change = null)
    {
        var settings = new ProtocolSettings(config, "quorum", group);
        return settings.Checked(Read(settings), change, options => options.Validate());
    }

    private static QuorumOptions Read(ProtocolSettings settings) => new()
    {
        Copies = Copies(settings),
        Read = Level(settings, "read"),
        Write = Level(settings, "write"),
        Resolution = settings.Choice("resolution", Resolutions),
        RegionOrder = [.. settings.Config.GetStringList(settings.At("region-order"))],
        Places = Places(settings),
        Tokens = settings.Int("tokens", 1, 1024),
        MerkleDepth = settings.Int("merkle-depth", 1, 4),
        MaxSkewMicros = settings.Micros("max-clock-skew"),
        GatherMicros = settings.MicrosOrNone("gather"),
        HintAfterMicros = settings.Micros("hints.after"),
        HintReplayMicros = settings.Micros("hints.replay-every"),
        HintReplayBytes = settings.Int("hints.replay-bytes", 1024, 1 << 30),
        MaxHintBytes = settings.Many("hints.max-bytes", 0),
        MaxHintAgeMicros = Long(settings, "hints.max-age"),
        RepairMicros = Long(settings, "repair.every"),
        RepairBytes = settings.Int("repair.message-bytes", 1024, 1 << 30),
        RecountMicros = Long(settings, "repair.recount-every"),
        SpeculatePercentile = settings.Int("speculate-percentile", 0, 99),
        MaxPaxosKeys = settings.Int("serial.max-keys", 1, int.MaxValue),
        PaxosFinishMicros = settings.Micros("serial.finish-after"),
        PaxosKeepMicros = settings.Micros("serial.keep-promises"),
        PaxosBackoffMicros = settings.Micros("serial.back-off"),
        StreamBytes = settings.Int("ring.stream-bytes", 1024, 1 << 30),
        StreamMicros = settings.Micros("ring.stream-every"),
        RingBeatMicros = settings.Micros("ring.beat"),
        GraceMicros = Long(settings, "grace"),
        TickMicros = settings.Micros("tick"),
        MaxMessageBytes = settings.Int("max-message-bytes", 1024, 1 << 30),
        MaxVersionsBytes = settings.Int("max-versions-bytes", 1024, SendBytes(settings) / 2),
        MaxSendBytes = SendBytes(settings),
        MaxKeyBytes = settings.Int("max-key-bytes", 1, 64 << 10),
        MaxValueBytes = settings.Int("max-value-bytes", 1, 1 << 20),
        MaxPendingRequests = settings.Int("max-pending-requests", 1, int.MaxValue),
        CheckpointBytes = settings.Many("checkpoint-bytes", 1024),
        CheckpointEntries = settings.Many("checkpoint-entries", 1),
    };

    /// <summary>What fits into a frame of the wire.</summary>
    private static int SendBytes(ProtocolSettings settings) => Hosting.Settings.ConfigReading.Int(settings.Config, "actorrepl.max-frame-bytes", 64 << 10, 1 << 30) - FrameHead;

    private static ConsistencyLevel Level(ProtocolSettings settings, string name)
    {
        string path = settings.At(name), text = settings.Config.GetString(path) ?? "";
        return ConsistencyLevel.TryParse(text, out ConsistencyLevel level) ? level : throw new UserErrorException($"{path} is '{text}'; it must be {ConsistencyLevel.Texts}");
    }

    private static long Long(ProtocolSettings settings, string name) =>
        (long)Hosting.Settings.ConfigReading.Time(settings.Config, settings.At(name), Milli, Year).TotalMicroseconds;

    /// <summary>Each <c>REGION COPIES</c>.</summary>
    private static Dictionary<string, int> Copies(ProtocolSettings settings)
    {
        string path = settings.At("copies");
        var copies = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string text in settings.Config.GetStringList(path))
        {
            if (text.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [var region, var count]
                || !int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number is < 1 or > Membership.MaxMembers || !copies.TryAdd(region, number))
                throw new UserErrorException($"{path} holds '{text}'; each must be 'REGION COPIES', such as 'eu 3', each region once and 1 to {Membership.MaxMembers} copies");
        }

        return copies;
    }

    /// <summary>Each <c>NODE REGION RACK</c>.</summary>
    private static Dictionary<ReplicaId, ReplicaPlace> Places(ProtocolSettings settings)
    {
        string path = settings.At("places");
        var places = new Dictionary<ReplicaId, ReplicaPlace>();
        foreach (string text in settings.Config.GetStringList(path))
        {
            if (text.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [var node, var region, var rack]
                || !int.TryParse(node, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 1
                || !places.TryAdd(new ReplicaId(number), new ReplicaPlace(region, rack)))
                throw new UserErrorException($"{path} holds '{text}'; each must be 'NODE REGION RACK', such as '3 eu r1', each node once");
        }

        return places;
    }
}
