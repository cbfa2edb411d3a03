using System.Globalization;
using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// What decides whose word counts and for how long, in words: were it not the same on all replicas of a group, one would count on a promise
/// that another has not given. What only decides how much is sent or kept at a time may differ.
/// </summary>
internal static class Declaration
{
    public static string Of(PrimaryBackupOptions options)
    {
        var text = new StringBuilder();
        void Say(string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name} = {value}\n");

        WriteConcern ack = options.Concern;
        Say("ack.level", Word(ack.Level));
        if (ack.Level == AckLevel.SemiSync)
            Say("ack.backups", $"{ack.Backups}");
        if (ack.Level != AckLevel.Async)
        {
            Say("ack.reach", Word(ack.Reach));
            Say("ack.timeout", Millis(ack.TimeoutMillis * Instant.Millisecond));
            Say("ack.on-timeout", Word(ack.OnTimeout));
        }

        Say("min-replicas-to-write", $"{options.MinReplicasToWrite}");
        if (options.MinReplicasToWrite > 0)
            Say("min-replicas-max-lag", Millis(options.MinReplicasMaxLagMicros));
        Say("heartbeat", Millis(options.HeartbeatMicros));
        Say("lease", Millis(options.LeaseMicros));
        Say("max-clock-drift", $"{options.MaxClockDriftPpm}");
        Say("lease-reads", options.LeaseReads ? "on" : "off");
        Say("dead-after-beats", $"{options.DeadAfterBeats}");
        Say("modes.floor-replicas", $"{options.Modes.FloorReplicas}");
        Say("modes.at-floor", Word(options.Modes.AtFloor));
        if (options.Parts.Count > 0)
            Say("parts", string.Join(", ", options.Parts.OrderBy(part => part.Key).Select(part => Part(part.Key, part.Value))));
        return text.ToString();
    }

    private static string Part(ReplicaId id, MemberPart part) =>
        $"{id.Value}{(part.DelayMillis > 0 ? $" delay {Millis(part.DelayMillis * Instant.Millisecond)}" : "")}{(part.Upstream.IsNone ? "" : $" upstream {part.Upstream.Value}")}";

    private static string Millis(long micros) => string.Create(CultureInfo.InvariantCulture, $"{micros / (double)Instant.Millisecond:0.###} ms");

    /// <summary>As the settings spell it: <c>SemiSync</c> is <c>semi-sync</c>.</summary>
    private static string Word<T>(T value)
        where T : struct, Enum =>
        string.Concat(value.ToString().Select((c, i) => char.IsAsciiLetterUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : $"{c}"));
}
