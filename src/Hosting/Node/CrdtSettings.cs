using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Kernel;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>Reads the settings under <c>actorrepl.crdt</c>, each replaced by what a group has under its own <c>crdt</c>.</summary>
internal static class CrdtSettings
{
    /// <param name="config">The whole settings.</param>
    /// <param name="group">Whose.</param>
    /// <param name="change">What a host says besides.</param>
    /// <exception cref="UserErrorException">A setting is out of its bounds, or two contradict each other.</exception>
    public static ConvergentOptions Read(Config config, string group, Func<ConvergentOptions, ConvergentOptions>? change = null)
    {
        var settings = new ProtocolSettings(config, "crdt", group);
        return settings.Checked(Read(settings), change, options => options.Validate());
    }

    private static ConvergentOptions Read(ProtocolSettings settings)
    {
        // What goes as one message has half a frame at most, and room for what is around it.
        int most = settings.Config.Int("actorrepl.max-frame-bytes", 64 << 10, 1 << 30) / 2 - (8 << 10);
        return Read(settings, most);
    }

    private static ConvergentOptions Read(ProtocolSettings settings, int most) => new()
    {
        Read = Level(settings, "read"),
        Write = Level(settings, "write"),
        MerkleDepth = settings.Int("merkle-depth", 1, 4),
        BeatMicros = settings.Micros("beat"),
        ResendMicros = settings.Micros("resend-after"),
        RelayAfterMicros = settings.Micros("relay-after"),
        PatienceMicros = settings.Micros("patience"),
        CollectMicros = settings.Micros("collect-every"),
        WindowBytes = settings.Int("window-bytes", 1024, 1 << 30),
        MaxMessageBytes = settings.Int("max-message-bytes", 1024, most),
        MaxRetainedBytes = settings.Many("max-retained-bytes", 1024),
        MaxHeldUnits = settings.Int("max-held-updates", 1, 1 << 20),
        MaxValueBytes = settings.Int("max-value-bytes", 64 << 10, 256 << 20),
        MaxTagBytes = settings.Many("max-tag-bytes", 1024),
        MaxUpdateBytes = settings.Int("max-update-bytes", 1024, most),
        MaxAnswerBytes = settings.Int("max-answer-bytes", 1024, most),
        MaxPendingRequests = settings.Int("max-pending-requests", 1, int.MaxValue),
        MaxHotValues = settings.Int("max-hot-values", 1, 1 << 20),
        MaxChanges = settings.Int("max-changes", 1, 1 << 24),
        CheckpointBytes = settings.Many("checkpoint-bytes", 1024),
        CheckpointEntries = settings.Many("checkpoint-entries", 1),
    };

    private static ConsistencyLevel Level(ProtocolSettings settings, string name)
    {
        string path = settings.At(name), text = settings.Config.GetString(path) ?? "";
        return ConsistencyLevel.TryParse(text, out ConsistencyLevel level) ? level : throw new UserErrorException($"{path} is '{text}'; it must be one, two, three, quorum, all or a number of replicas");
    }
}
