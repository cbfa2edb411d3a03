using ActorRepl.Actors.Settings;
using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>Reads the settings under <c>actorrepl.control</c>.</summary>
internal static class ControlSettingsReader
{
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Years = TimeSpan.FromDays(3650);

    public static ControlSettings Read(Config config, IProtocolFactory protocol) => new()
    {
        Protocol = protocol,
        ReportInterval = config.Time("actorrepl.control.report-interval", Least, Hour),
        Tick = config.Time("actorrepl.control.tick", Least, Hour),
        DownAfter = config.Time("actorrepl.control.down-after", Least, Hour),
        Reconciler = new ReconcilerOptions
        {
            ReplaceAfter = Micros(config, "actorrepl.control.replace-after"),
            LeaderSettle = Micros(config, "actorrepl.control.leader-settle"),
            TransferCoolDown = Micros(config, "actorrepl.control.transfer-cool-down"),
            MaxMovesPerNode = config.Int("actorrepl.control.max-moves-per-node", 1, 1024),
            CatchUpEntries = config.Bytes("actorrepl.control.catch-up-entries", 0, 1L << 40),
            Rebalance = config.Flag("actorrepl.control.rebalance"),
        },
    };

    private static long Micros(Config config, string path) => (long)config.Time(path, Least, Years).TotalMicroseconds;
}
