using System.Reflection;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Hosting.Tests.Settings;

public sealed class RaftSettingsTests
{
    /// <summary>
    /// Not for an operator: limits of the build, who leads, which the control group decides (<c>actorrepl transfer</c>), and
    /// doing without pre-votes, which is for measurements against the paper.
    /// </summary>
    private static readonly string[] NotSettings =
    [
        nameof(RaftOptions.FirstReplicaLeadsFirst), nameof(RaftOptions.DeadlineResolutionMicros), nameof(RaftOptions.MaxCommandBytes),
        nameof(RaftOptions.CheckpointRetryMicros), nameof(RaftOptions.Priorities), nameof(RaftOptions.PriorityPatienceMicros),
        nameof(RaftOptions.PreVote),
    ];

    public static TheoryData<string, string, string, object> Settings => new()
    {
        { "heartbeat", "20 ms", nameof(RaftOptions.HeartbeatMicros), 20_000L },
        { "election-min", "400 ms", nameof(RaftOptions.ElectionMinMicros), 400_000L },
        { "election-max", "900 ms", nameof(RaftOptions.ElectionMaxMicros), 900_000L },
        { "hint-delay", "7 ms", nameof(RaftOptions.HintDelayMicros), 7_000L },
        { "lease-reads", "on", nameof(RaftOptions.LeaseReads), true },
        { "max-clock-drift", "500", nameof(RaftOptions.MaxClockDriftPpm), 500L },
        { "quiet-after", "3 s", nameof(RaftOptions.QuietAfterMicros), 3_000_000L },
        { "max-batch-bytes", "64 KiB", nameof(RaftOptions.MaxBatchBytes), 65_536 },
        { "max-in-flight-messages", "3", nameof(RaftOptions.MaxInFlightMessages), 3 },
        { "max-in-flight-bytes", "1 MiB", nameof(RaftOptions.MaxInFlightBytes), 1_048_576L },
        { "max-pending-requests", "99", nameof(RaftOptions.MaxPendingRequests), 99 },
        { "max-log-bytes", "1 GiB", nameof(RaftOptions.MaxLogBytes), 1_073_741_824L },
        { "checkpoint-bytes", "1 MiB", nameof(RaftOptions.CheckpointBytes), 1_048_576L },
        { "checkpoint-entries", "77", nameof(RaftOptions.CheckpointEntries), 77L },
        { "keep-bytes", "2 MiB", nameof(RaftOptions.KeepBytes), 2_097_152L },
        { "keep-entries", "5", nameof(RaftOptions.KeepEntries), 5L },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Each_setting_sets_its_option_and_no_other(string setting, string value, string option, object expected)
    {
        RaftOptions before = Read(""), after = Read($"{setting} = {value}");
        foreach (PropertyInfo property in Options())
        {
            if (property.Name == option)
                Assert.Equal(expected, property.GetValue(after));
            else
                Assert.Equal(property.GetValue(before), property.GetValue(after));
        }
    }

    [Fact]
    public void Every_option_is_a_setting_or_not_for_an_operator() =>
        Assert.Equal(Options().Select(property => property.Name).Order(), Settings.Select(row => (string)row[2]).Concat(NotSettings).Order());

    [Fact]
    public void Leases_are_off_unless_asked_for() => Assert.False(Read("").LeaseReads);

    [Theory]
    [InlineData("lease-reads = maybe", "actorrepl.raft.lease-reads is 'maybe'; it must be on or off")]
    [InlineData("max-clock-drift = -1", "actorrepl.raft.max-clock-drift is '-1'; it must be 0 to 500000")]
    [InlineData("max-clock-drift = 500001", "actorrepl.raft.max-clock-drift is '500001'; it must be 0 to 500000")]
    [InlineData("lease-reads = on, max-clock-drift = 400000", "leaves a lease of 59000 µs")]
    [InlineData("heartbeat = 200 ms", "must be at least two HeartbeatMicros")]
    public void What_cannot_be_is_refused_with_what_is_allowed(string settings, string said)
    {
        var refused = Assert.Throws<UserErrorException>(() => Read(settings));
        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
    }

    private static RaftOptions Read(string settings) =>
        RaftSettings.Read(Hocon.Parse($"actorrepl.raft {{ {settings} }}", "test.conf").WithFallback(Hocon.Reference));

    private static IEnumerable<PropertyInfo> Options() =>
        typeof(RaftOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);
}
