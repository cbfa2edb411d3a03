using System.Reflection;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Hosting.Tests.Settings;

public sealed class ChainSettingsTests
{
    /// <summary>Not for an operator: limits of the build.</summary>
    private static readonly string[] NotSettings =
        [nameof(ChainOptions.DeadlineResolutionMicros), nameof(ChainOptions.MaxCommandBytes), nameof(ChainOptions.CheckpointRetryMicros)];

    // Looked at below.
    private static readonly string[] Compound = [nameof(ChainOptions.Modes), nameof(ChainOptions.Regions)];

    public static TheoryData<string, string, string, object> Settings => new()
    {
        { "apportioned-reads", "on", nameof(ChainOptions.ApportionedReads), true },
        { "lease-reads", "off", nameof(ChainOptions.LeaseReads), false },
        { "min-links-to-write", "2", nameof(ChainOptions.MinLinksToWrite), 2 },
        { "heartbeat", "20 ms", nameof(ChainOptions.HeartbeatMicros), 20_000L },
        { "lease", "400 ms", nameof(ChainOptions.LeaseMicros), 400_000L },
        { "max-clock-drift", "500", nameof(ChainOptions.MaxClockDriftPpm), 500L },
        { "catch-up-entries", "7", nameof(ChainOptions.CatchUpEntries), 7L },
        { "splice-timeout", "2 s", nameof(ChainOptions.SpliceMicros), 2_000_000L },
        { "first-answer", "7 s", nameof(ChainOptions.FirstAnswerMicros), 7_000_000L },
        { "proposal-retry", "150 ms", nameof(ChainOptions.ProposalRetryMicros), 150_000L },
        { "switchover-timeout", "3 s", nameof(ChainOptions.SwitchoverMicros), 3_000_000L },
        { "slow.bytes", "1 MiB", nameof(ChainOptions.SlowBytes), 1_048_576L },
        { "slow.time", "3 s", nameof(ChainOptions.SlowMicros), 3_000_000L },
        { "slow.after", "4 s", nameof(ChainOptions.SlowAfterMicros), 4_000_000L },
        { "slow.remove", "on", nameof(ChainOptions.RemoveSlow), true },
        { "slow.rejoin-after", "5 s", nameof(ChainOptions.RejoinAfterMicros), 5_000_000L },
        { "max-batch-bytes", "64 KiB", nameof(ChainOptions.MaxBatchBytes), 65_536 },
        { "max-in-flight-messages", "3", nameof(ChainOptions.MaxInFlightMessages), 3 },
        { "max-in-flight-bytes", "1 MiB", nameof(ChainOptions.MaxInFlightBytes), 1_048_576L },
        { "max-pending-requests", "99", nameof(ChainOptions.MaxPendingRequests), 99 },
        { "max-log-bytes", "1 GiB", nameof(ChainOptions.MaxLogBytes), 1_073_741_824L },
        { "checkpoint-bytes", "1 MiB", nameof(ChainOptions.CheckpointBytes), 1_048_576L },
        { "checkpoint-entries", "77", nameof(ChainOptions.CheckpointEntries), 77L },
        { "keep-bytes", "2 MiB", nameof(ChainOptions.KeepBytes), 2_097_152L },
        { "keep-entries", "5", nameof(ChainOptions.KeepEntries), 5L },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Each_setting_sets_its_option_and_no_other(string setting, string value, string option, object expected)
    {
        ChainOptions before = Read(""), after = Read($"{setting} = {value}");
        foreach (PropertyInfo property in Options().Where(property => !Compound.Contains(property.Name)))
            Assert.Equal(property.Name == option ? expected : property.GetValue(before), property.GetValue(after));
        Assert.Equal(before.Modes, after.Modes);
    }

    [Fact]
    public void Every_option_is_a_setting_or_not_for_an_operator() => Assert.Equal(
        Options().Select(property => property.Name).Order(),
        Settings.Select(row => (string)row[2]).Concat(NotSettings).Concat(Compound).Append(nameof(ChainOptions.DeadAfterBeats)).Order());

    [Fact]
    public void The_defaults_of_the_files_are_those_of_the_protocol()
    {
        ChainOptions read = Read(""), built = ChainOptions.Default;
        foreach (PropertyInfo property in Options().Where(property => property.Name != nameof(ChainOptions.Regions)))
            Assert.Equal(property.GetValue(built), property.GetValue(read));
        Assert.Empty(read.Regions);
    }

    [Fact]
    public void Beats_count_for_the_chain_and_for_the_mode()
    {
        ChainOptions read = Read("warn-after-beats = 5, dead-after-beats = 20");
        Assert.Equal((20, 5, 20), (read.DeadAfterBeats, read.Modes.WarnBeats, read.Modes.DeadBeats));
    }

    [Fact]
    public void Modes_have_settings_of_their_own() =>
        Assert.Equal((2, FloorPolicy.ReadOnly), Read("modes { floor-replicas = 2, at-floor = read-only }").Modes is var modes ? (modes.FloorReplicas, modes.AtFloor) : default);

    [Fact]
    public void Nodes_can_be_given_a_region() => Assert.Equal(
        new Dictionary<ReplicaId, string> { [new(1)] = "eu", [new(3)] = "us" }, Read("""regions = ["1 eu", "3 us"]""").Regions);

    [Fact]
    public void A_group_may_have_any_setting_differently()
    {
        const string text = """
            actorrepl.chain { lease = 400 ms, apportioned-reads = on, slow.remove = on }
            actorrepl.groups.orders.chain { apportioned-reads = off, slow.rejoin-after = 3 s }
            """;
        var config = Hocon.Parse(text, "test.conf").WithFallback(Hocon.Reference);
        ChainOptions orders = ChainSettings.Read(config, "orders"), kv = ChainSettings.Read(config, "kv");
        Assert.Equal((false, true, 400_000L, 3_000_000L), (orders.ApportionedReads, orders.RemoveSlow, orders.LeaseMicros, orders.RejoinAfterMicros));
        Assert.True(kv.ApportionedReads);
        var refused = Assert.Throws<UserErrorException>(() => Hocon.Parse("actorrepl.groups.orders.chain.leese = 1 s", "test.conf"));
        Assert.Contains("the nearest is actorrepl.groups.orders.chain.lease", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_all_nodes_must_have_the_same_is_declared()
    {
        string declared = new ChainFactory(Read("lease = 400 ms")).Declaration;
        Assert.Contains("lease = 400 ms\n", declared, StringComparison.Ordinal);
        Assert.Equal(declared, new ChainFactory(Read("lease = 400 ms, keep-bytes = 1 MiB, slow.bytes = 1 MiB")).Declaration);
        foreach (string other in (string[])["apportioned-reads = on", "lease-reads = off", "max-clock-drift = 5", "min-links-to-write = 2", "heartbeat = 40 ms", "dead-after-beats = 11",
            "slow.remove = on"])
            Assert.NotEqual(declared, new ChainFactory(Read($"lease = 400 ms, {other}")).Declaration);
    }

    [Theory]
    [InlineData("apportioned-reads = some", "actorrepl.chain.apportioned-reads is 'some'; it must be on or off")]
    [InlineData("min-links-to-write = 0", "actorrepl.chain.min-links-to-write is '0'; it must be 1 to 63")]
    [InlineData("slow.time = 0", "actorrepl.chain.slow.time is '0'; it must be 1 ms to 3600000 ms")]
    [InlineData("lease = 100 ms", "LeaseMicros")]
    [InlineData("max-log-bytes = 1 MiB", "MaxLogBytes")]
    [InlineData("""regions = ["eu"]""", "actorrepl.chain.regions holds 'eu'; each must be 'NODE REGION'")]
    [InlineData("""regions = ["1 eu", "1 us"]""", "holds '1 us'")]
    public void What_cannot_be_is_refused_with_what_is_allowed(string settings, string said)
    {
        var refused = Assert.Throws<UserErrorException>(() => Read(settings));
        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_is_a_chain_if_its_host_or_its_settings_or_the_command_line_say_so()
    {
        IProtocolFactory declared = ProtocolOf(group => group.Chain(length: 3, shards: 4));
        Assert.Equal(("chain", true, false), (declared.Name, declared.ReadsAtTail, declared.ReadsAnywhere));
        Assert.True(ProtocolOf(group => group.Chain(length: 3, apportionedReads: true)).ReadsAnywhere);
        Assert.True(ProtocolOf(group => group.Chain(options: chain => chain with { ApportionedReads = true })).ReadsAnywhere);
        var launch = new NodeLaunch(1, 3, "/data", 7000, "actorrepl");
        Assert.Equal("chain", Assert.Single(NodeSettings.Load(launch with { Protocol = "chain" }).Groups).Protocol);
    }

    [Fact]
    public void Another_acknowledgement_than_that_of_all_links_is_refused() =>
        Assert.NotNull(ProtocolOf(group => group.Chain()).Refusal(Ack.Async));

    private static IProtocolFactory ProtocolOf(Action<GroupBuilder> declare)
    {
        var options = new ActorReplOptions { Nodes = 3, Data = "/data" };
        options.AddGroup("kv", declare);
        return Assert.Single(NodePlan.Make(options).Replication.Groups).Protocol;
    }

    private static ChainOptions Read(string settings) =>
        ChainSettings.Read(Hocon.Parse($"actorrepl.chain {{ {settings} }}", "test.conf").WithFallback(Hocon.Reference), "kv");

    private static IEnumerable<PropertyInfo> Options() =>
        typeof(ChainOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);
}
