using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>
/// Reads the settings of one protocol for one group: those under <c>actorrepl.PROTOCOL</c>, each replaced by what the group has under its
/// own <c>actorrepl.groups.NAME.PROTOCOL</c>.
/// </summary>
internal sealed class ProtocolSettings(Config config, string protocol, string group)
{
    // Beyond half, nothing is left of any lease.
    private const int MaxDriftPpm = 500_000;

    private const long MostBytes = 1L << 40;

    private static readonly TimeSpan Milli = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private static readonly Dictionary<string, FloorPolicy> Floors = new() { ["read-only"] = FloorPolicy.ReadOnly, ["keep-writing"] = FloorPolicy.KeepWriting };

    public Config Config => config;

    /// <summary>The path of a setting: the group's own, where it has one.</summary>
    public string At(string name) =>
        config.HasPath($"actorrepl.groups.{group}.{protocol}.{name}") ? $"actorrepl.groups.{group}.{protocol}.{name}" : $"actorrepl.{protocol}.{name}";

    public int Int(string name, long least, long most) => config.Int(At(name), least, most);

    /// <summary>A size, or a number of entries.</summary>
    public long Many(string name, long least) => config.Bytes(At(name), least, MostBytes);

    public long Micros(string name) => (long)Time(name).TotalMicroseconds;

    public long MicrosOrNone(string name) => (long)config.Time(At(name), TimeSpan.Zero, Hour).TotalMicroseconds;

    public TimeSpan Time(string name) => config.Time(At(name), Milli, Hour);

    public bool Flag(string name) => config.Flag(At(name));

    public T Choice<T>(string name, IReadOnlyDictionary<string, T> choices) => config.Choice(At(name), choices);

    public long Drift() => Int("max-clock-drift", 0, MaxDriftPpm);

    /// <summary>Everything under <c>modes</c>.</summary>
    public ModeOptions Modes(int warn, int dead) => new()
    {
        HealthyLagMicros = Micros("modes.healthy-lag"),
        DegradedLagMicros = Micros("modes.degraded-lag"),
        CriticalLagMicros = Micros("modes.critical-lag"),
        WarnBeats = warn,
        DeadBeats = dead,
        SettleMicros = MicrosOrNone("modes.settle"),
        MinimumStayMicros = MicrosOrNone("modes.minimum-stay"),
        AckTimeoutMicros = MicrosOrNone("modes.ack-timeout"),
        PaceWindowMicros = Micros("modes.pace-window"),
        FloorReplicas = Int("modes.floor-replicas", 0, Membership.MaxMembers - 1),
        AtFloor = Choice("modes.at-floor", Floors),
    };

    /// <summary>What the settings say, changed by what a host says, held to what fits together.</summary>
    /// <exception cref="UserErrorException">Two options contradict each other.</exception>
    public T Checked<T>(T options, Func<T, T>? change, Func<T, T> validate)
    {
        try
        {
            return validate(change is null ? options : change(options));
        }
        catch (ArgumentException contradiction)
        {
            throw new UserErrorException($"actorrepl.{protocol} of group '{group}': {contradiction.Message.ReplaceLineEndings(" ")}");
        }
    }
}
