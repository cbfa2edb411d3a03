using System.Globalization;
using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// What decides whose word counts and for how long, in words: were it not the same on all replicas of a group, one would count on a promise
/// that another has not given.
/// </summary>
internal static class Declaration
{
    public static string Of(ChainOptions options)
    {
        var text = new StringBuilder();
        void Say(string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name} = {value}\n");

        Say("heartbeat", Millis(options.HeartbeatMicros));
        Say("lease", Millis(options.LeaseMicros));
        Say("max-clock-drift", $"{options.MaxClockDriftPpm}");
        Say("lease-reads", Word(options.LeaseReads));
        Say("apportioned-reads", Word(options.ApportionedReads));
        Say("dead-after-beats", $"{options.DeadAfterBeats}");
        Say("min-links-to-write", $"{options.MinLinksToWrite}");
        Say("remove-slow", Word(options.RemoveSlow));
        if (options.Regions.Count > 0)
            Say("regions", string.Join(", ", options.Regions.OrderBy(region => region.Key).Select(region => $"{region.Key.Value} {region.Value}")));
        return text.ToString();
    }

    private static string Word(bool value) => value ? "on" : "off";

    private static string Millis(long micros) => string.Create(CultureInfo.InvariantCulture, $"{micros / (double)Instant.Millisecond:0.###} ms");
}
