using System.Reflection;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;
using ActorRepl.Protocols.PrimaryBackup;

namespace ActorRepl.Hosting.Tests.Settings;

public sealed class PrimaryBackupSettingsTests
{
    /// <summary>Not for an operator: limits of the build.</summary>
    private static readonly string[] NotSettings =
        [nameof(PrimaryBackupOptions.DeadlineResolutionMicros), nameof(PrimaryBackupOptions.MaxCommandBytes), nameof(PrimaryBackupOptions.CheckpointRetryMicros)];

    // Set as a whole, and looked at below.
    private static readonly string[] Compound = [nameof(PrimaryBackupOptions.Concern), nameof(PrimaryBackupOptions.Modes), nameof(PrimaryBackupOptions.Parts)];

    public static TheoryData<string, string, string, object> Settings => new()
    {
        { "min-replicas-to-write", "2", nameof(PrimaryBackupOptions.MinReplicasToWrite), 2 },
        { "min-replicas-max-lag", "3 s", nameof(PrimaryBackupOptions.MinReplicasMaxLagMicros), 3_000_000L },
        { "heartbeat", "20 ms", nameof(PrimaryBackupOptions.HeartbeatMicros), 20_000L },
        { "lease", "400 ms", nameof(PrimaryBackupOptions.LeaseMicros), 400_000L },
        { "max-clock-drift", "500", nameof(PrimaryBackupOptions.MaxClockDriftPpm), 500L },
        { "lease-reads", "on", nameof(PrimaryBackupOptions.LeaseReads), true },
        { "catch-up-entries", "7", nameof(PrimaryBackupOptions.CatchUpEntries), 7L },
        { "first-answer", "7 s", nameof(PrimaryBackupOptions.FirstAnswerMicros), 7_000_000L },
        { "proposal-retry", "150 ms", nameof(PrimaryBackupOptions.ProposalRetryMicros), 150_000L },
        { "take-over-patience", "90 ms", nameof(PrimaryBackupOptions.TakeOverPatienceMicros), 90_000L },
        { "switchover-timeout", "3 s", nameof(PrimaryBackupOptions.SwitchoverMicros), 3_000_000L },
        { "max-batch-bytes", "64 KiB", nameof(PrimaryBackupOptions.MaxBatchBytes), 65_536 },
        { "max-in-flight-messages", "3", nameof(PrimaryBackupOptions.MaxInFlightMessages), 3 },
        { "max-in-flight-bytes", "1 MiB", nameof(PrimaryBackupOptions.MaxInFlightBytes), 1_048_576L },
        { "max-pending-requests", "99", nameof(PrimaryBackupOptions.MaxPendingRequests), 99 },
        { "max-log-bytes", "1 GiB", nameof(PrimaryBackupOptions.MaxLogBytes), 1_073_741_824L },
        { "checkpoint-bytes", "1 MiB", nameof(PrimaryBackupOptions.CheckpointBytes), 1_048_576L },
        { "checkpoint-entries", "77", nameof(PrimaryBackupOptions.CheckpointEntries), 77L },
        { "keep-bytes", "2 MiB", nameof(PrimaryBackupOptions.KeepBytes), 2_097_152L },
        { "keep-entries", "5", nameof(PrimaryBackupOptions.KeepEntries), 5L },
        { "slot-bytes", "3 MiB", nameof(PrimaryBackupOptions.SlotBytes), 3_145_728L },
        { "at-risk-bytes", "64 KiB", nameof(PrimaryBackupOptions.AtRiskBytes), 65_536L },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Each_setting_sets_its_option_and_no_other(string setting, string value, string option, object expected)
    {
        PrimaryBackupOptions before = Read(""), after = Read($"{setting} = {value}");
        foreach (PropertyInfo property in Options().Where(property => !Compound.Contains(property.Name)))
            Assert.Equal(property.Name == option ? expected : property.GetValue(before), property.GetValue(after));
        Assert.Equal((before.Concern, before.Modes), (after.Concern, after.Modes));
    }

    [Fact]
    public void Every_option_is_a_setting_or_not_for_an_operator() => Assert.Equal(
        Options().Select(property => property.Name).Order(),
        Settings.Select(row => (string)row[2]).Concat(NotSettings).Concat(Compound)
            .Concat([nameof(PrimaryBackupOptions.WarnAfterBeats), nameof(PrimaryBackupOptions.DeadAfterBeats)]).Order());

    [Fact]
    public void The_defaults_of_the_files_are_those_of_the_protocol()
    {
        PrimaryBackupOptions read = Read(""), built = PrimaryBackupOptions.Default;
        foreach (PropertyInfo property in Options().Where(property => property.Name != nameof(PrimaryBackupOptions.Parts)))
            Assert.Equal(property.GetValue(built), property.GetValue(read));
        Assert.Empty(read.Parts);
    }

    [Fact]
    public void Beats_count_for_the_sync_set_and_for_the_mode()
    {
        PrimaryBackupOptions read = Read("warn-after-beats = 5, dead-after-beats = 20");
        Assert.Equal((5, 20, 5, 20), (read.WarnAfterBeats, read.DeadAfterBeats, read.Modes.WarnBeats, read.Modes.DeadBeats));
    }

    [Fact]
    public void Modes_have_settings_of_their_own() => Assert.Equal(
        new ModeOptions
        {
            HealthyLagMicros = 1_000, DegradedLagMicros = 2_000, CriticalLagMicros = 3_000, SettleMicros = 4_000, MinimumStayMicros = 0,
            AckTimeoutMicros = 6_000, PaceWindowMicros = 7_000, FloorReplicas = 2, AtFloor = FloorPolicy.ReadOnly,
        },
        Read("""
            modes { healthy-lag = 1 ms, degraded-lag = 2 ms, critical-lag = 3 ms, settle = 4 ms, minimum-stay = 0, ack-timeout = 6 ms, pace-window = 7 ms
            floor-replicas = 2, at-floor = read-only }
            """).Modes);

    [Fact]
    public void The_acknowledgement_of_a_group_is_what_its_host_says_and_for_the_rest_what_the_settings_say()
    {
        const string settings = "ack { level = sync, backups = 2, reach = applied, timeout = 3 s, on-timeout = refuse }";
        Assert.Equal(new WriteConcern(AckLevel.Sync, 0, AckReach.Applied, 3_000, OnAckTimeout.Refuse), Read(settings).Concern);
        Assert.Equal(new WriteConcern(AckLevel.SemiSync, 2, AckReach.Applied, 3_000, OnAckTimeout.Refuse), Read(settings, Ack.SemiSync()).Concern);
        Assert.Equal(
            new WriteConcern(AckLevel.SemiSync, 1, AckReach.Received, 50, OnAckTimeout.Degrade),
            Read(settings, Ack.SemiSync(1, TimeSpan.FromMilliseconds(50), OnAckTimeout.Degrade, AckReach.Received)).Concern);
        Assert.Equal(AckLevel.Async, Read("ack.level = async").Concern.Level);
    }

    [Fact]
    public void A_group_may_have_any_setting_differently()
    {
        const string text = """
            actorrepl.primary-backup { ack.level = sync, ack.timeout = 3 s, lease = 400 ms, parts = ["3 delay 10m"] }
            actorrepl.groups.orders.primary-backup { ack.level = semi-sync, ack.backups = 2, ack.on-timeout = refuse, min-replicas-to-write = 1, parts = [] }
            """;
        var config = Hocon.Parse(text, "test.conf").WithFallback(Hocon.Reference);
        PrimaryBackupOptions orders = PrimaryBackupSettings.Read(config, "orders"), kv = PrimaryBackupSettings.Read(config, "kv");
        Assert.Equal(new WriteConcern(AckLevel.SemiSync, 2, AckReach.Durable, 3_000, OnAckTimeout.Refuse), orders.Concern);
        Assert.Equal((1, 400_000L), (orders.MinReplicasToWrite, orders.LeaseMicros));
        Assert.Empty(orders.Parts);
        Assert.Equal(new WriteConcern(AckLevel.Sync, 0, AckReach.Durable, 3_000, OnAckTimeout.Degrade), kv.Concern);
        Assert.Single(kv.Parts);
        var refused = Assert.Throws<UserErrorException>(() => Hocon.Parse("actorrepl.groups.orders.primary-backup.leese = 1 s", "test.conf"));
        Assert.Contains("the nearest is actorrepl.groups.orders.primary-backup.lease", refused.Message, StringComparison.Ordinal);
        refused = Assert.Throws<UserErrorException>(() => PrimaryBackupSettings.Read(
            Hocon.Parse("actorrepl.groups.orders.primary-backup.ack.level = most", "test.conf").WithFallback(Hocon.Reference), "orders"));
        Assert.Contains("actorrepl.groups.orders.primary-backup.ack.level is 'most'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_all_nodes_must_have_the_same_is_declared()
    {
        string declared = new PrimaryBackupFactory(Read("lease = 400 ms", Ack.SemiSync(2))).Declaration;
        Assert.Contains("ack.level = semi-sync\nack.backups = 2\nack.reach = durable\nack.timeout = 10000 ms\nack.on-timeout = degrade\n", declared, StringComparison.Ordinal);
        Assert.Contains("lease = 400 ms\n", declared, StringComparison.Ordinal);
        Assert.Equal(declared, new PrimaryBackupFactory(Read("lease = 400 ms, keep-bytes = 1 MiB", Ack.SemiSync(2))).Declaration);
        foreach (string other in (string[])["lease-reads = on", "max-clock-drift = 5", "min-replicas-to-write = 1", "heartbeat = 40 ms", "dead-after-beats = 11",
            "modes.at-floor = read-only", "modes.floor-replicas = 2", """parts = ["3 delay 10m"]""", "ack.timeout = 1 s", "ack.on-timeout = refuse"])
            Assert.NotEqual(declared, new PrimaryBackupFactory(Read($"lease = 400 ms, {other}", Ack.SemiSync(2))).Declaration);
    }

    [Fact]
    public void Members_can_be_given_a_part() => Assert.Equal(
        new Dictionary<ReplicaId, MemberPart> { [new(3)] = new(600_000, new ReplicaId(2)), [new(4)] = new(0, new ReplicaId(2)) },
        Read("""parts = ["3 delay 10m", "4 upstream 2", "3 upstream 2"]""").Parts);

    [Theory]
    [InlineData("ack.level = most", "actorrepl.primary-backup.ack.level is 'most'; it must be async or semi-sync or sync or quorum")]
    [InlineData("ack.backups = 0", "actorrepl.primary-backup.ack.backups is '0'; it must be 1 to 62")]
    [InlineData("ack.timeout = 0", "actorrepl.primary-backup.ack.timeout is '0'; it must be 1 ms to 3600000 ms")]
    [InlineData("lease = 100 ms", "LeaseMicros")]
    [InlineData("dead-after-beats = 3", "DeadAfterBeats")]
    [InlineData("max-log-bytes = 1 MiB", "MaxLogBytes")]
    [InlineData("modes.healthy-lag = 2 s", "DegradedLagMicros must be more than HealthyLagMicros")]
    [InlineData("modes.at-floor = panic", "actorrepl.primary-backup.modes.at-floor is 'panic'; it must be read-only or keep-writing")]
    [InlineData("""parts = ["3 late 10m"]""", "actorrepl.primary-backup.parts holds '3 late 10m'; each must be 'NODE delay TIME'")]
    [InlineData("""parts = ["3 upstream 3"]""", "holds '3 upstream 3'")]
    [InlineData("""parts = ["3 delay soon"]""", "holds '3 delay soon'")]
    public void What_cannot_be_is_refused_with_what_is_allowed(string settings, string said)
    {
        var refused = Assert.Throws<UserErrorException>(() => Read(settings));
        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_is_of_the_protocol_that_its_host_or_its_settings_or_the_command_line_name()
    {
        Assert.Equal("raft", ProtocolOf(group => group.Raft()));
        Assert.Equal("primary-backup", ProtocolOf(group => group.PrimaryBackup(replicas: 3, shards: 4, ack: Ack.SemiSync(1))));
        var launch = new NodeLaunch(1, 3, "/data", 7000, "actorrepl");
        Assert.Equal("raft", Assert.Single(NodeSettings.Load(launch).Groups).Protocol);
        Assert.Equal("primary-backup", Assert.Single(NodeSettings.Load(launch with { Protocol = "primary-backup" }).Groups).Protocol);
    }

    private static string ProtocolOf(Action<GroupBuilder> declare)
    {
        var options = new ActorReplOptions { Nodes = 3, Data = "/data" };
        options.AddGroup("kv", declare);
        return Assert.Single(NodePlan.Make(options).Replication.Groups).Protocol.Name;
    }

    private static PrimaryBackupOptions Read(string settings, WriteConcern ack = default) =>
        PrimaryBackupSettings.Read(Hocon.Parse($"actorrepl.primary-backup {{ {settings} }}", "test.conf").WithFallback(Hocon.Reference), "kv", ack);

    private static IEnumerable<PropertyInfo> Options() =>
        typeof(PrimaryBackupOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);
}
