using System.Reflection;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Hosting.Tests.Settings;

public sealed class QuorumSettingsTests
{
    /// <summary>Said by the group itself, or code, or what follows from the frames of the wire.</summary>
    private static readonly string[] NotSettings = [nameof(QuorumOptions.Replicas), nameof(QuorumOptions.Merge), nameof(QuorumOptions.MaxSendBytes)];

    // Looked at below.
    private static readonly string[] Lists = [nameof(QuorumOptions.Copies), nameof(QuorumOptions.Places), nameof(QuorumOptions.RegionOrder)];

    public static TheoryData<string, string, string, object> Settings => new()
    {
        { "read", "one", nameof(QuorumOptions.Read), ConsistencyLevel.One },
        { "write", "each-quorum", nameof(QuorumOptions.Write), ConsistencyLevel.EachQuorum },
        { "resolution", "last-write-wins", nameof(QuorumOptions.Resolution), Resolution.LastWriteWins },
        { "tokens", "16", nameof(QuorumOptions.Tokens), 16 },
        { "merkle-depth", "2", nameof(QuorumOptions.MerkleDepth), 2 },
        { "max-clock-skew", "100 ms", nameof(QuorumOptions.MaxSkewMicros), 100_000L },
        { "grace", "3 d", nameof(QuorumOptions.GraceMicros), 3L * 24 * 3600 * 1_000_000 },
        { "gather", "2 ms", nameof(QuorumOptions.GatherMicros), 2_000L },
        { "hints.after", "200 ms", nameof(QuorumOptions.HintAfterMicros), 200_000L },
        { "hints.replay-every", "3 s", nameof(QuorumOptions.HintReplayMicros), 3_000_000L },
        { "hints.replay-bytes", "1 MiB", nameof(QuorumOptions.HintReplayBytes), 1 << 20 },
        { "hints.max-bytes", "1 GiB", nameof(QuorumOptions.MaxHintBytes), 1L << 30 },
        { "hints.max-age", "1 h", nameof(QuorumOptions.MaxHintAgeMicros), 3_600_000_000L },
        { "repair.every", "10 s", nameof(QuorumOptions.RepairMicros), 10_000_000L },
        { "repair.message-bytes", "64 KiB", nameof(QuorumOptions.RepairBytes), 65_536 },
        { "repair.recount-every", "1 d", nameof(QuorumOptions.RecountMicros), 24L * 3600 * 1_000_000 },
        { "speculate-percentile", "90", nameof(QuorumOptions.SpeculatePercentile), 90 },
        { "serial.max-keys", "7", nameof(QuorumOptions.MaxPaxosKeys), 7 },
        { "serial.finish-after", "2 s", nameof(QuorumOptions.PaxosFinishMicros), 2_000_000L },
        { "serial.keep-promises", "40 s", nameof(QuorumOptions.PaxosKeepMicros), 40_000_000L },
        { "serial.back-off", "9 ms", nameof(QuorumOptions.PaxosBackoffMicros), 9_000L },
        { "ring.stream-bytes", "1 MiB", nameof(QuorumOptions.StreamBytes), 1 << 20 },
        { "ring.stream-every", "5 ms", nameof(QuorumOptions.StreamMicros), 5_000L },
        { "ring.beat", "100 ms", nameof(QuorumOptions.RingBeatMicros), 100_000L },
        { "tick", "5 ms", nameof(QuorumOptions.TickMicros), 5_000L },
        { "max-message-bytes", "64 KiB", nameof(QuorumOptions.MaxMessageBytes), 65_536 },
        { "max-versions-bytes", "1 MiB", nameof(QuorumOptions.MaxVersionsBytes), 1 << 20 },
        { "max-key-bytes", "100", nameof(QuorumOptions.MaxKeyBytes), 100 },
        { "max-value-bytes", "1000", nameof(QuorumOptions.MaxValueBytes), 1000 },
        { "max-pending-requests", "99", nameof(QuorumOptions.MaxPendingRequests), 99 },
        { "checkpoint-bytes", "1 MiB", nameof(QuorumOptions.CheckpointBytes), 1_048_576L },
        { "checkpoint-entries", "77", nameof(QuorumOptions.CheckpointEntries), 77L },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Each_setting_sets_its_option_and_no_other(string setting, string value, string option, object expected)
    {
        QuorumOptions before = Read(""), after = Read($"{setting} = {value}");
        foreach (PropertyInfo property in Options().Where(property => !Lists.Contains(property.Name)))
            Assert.Equal(property.Name == option ? expected : property.GetValue(before), property.GetValue(after));
    }

    [Fact]
    public void Every_option_is_a_setting_or_said_by_the_group() => Assert.Equal(
        Options().Select(property => property.Name).Order(), Settings.Select(row => (string)row[2]).Concat(NotSettings).Concat(Lists).Order());

    [Fact]
    public void The_defaults_of_the_files_are_those_of_the_protocol()
    {
        QuorumOptions read = Read(""), built = QuorumOptions.Default;
        // A request must fit into half a frame.
        foreach (PropertyInfo property in Options().Where(property => !Lists.Contains(property.Name) && property.Name != nameof(QuorumOptions.MaxValueBytes)))
            Assert.Equal(property.GetValue(built), property.GetValue(read));
        Assert.True(read.MaxValueBytes <= built.MaxValueBytes);
    }

    [Fact]
    public void Nodes_have_places_and_regions_have_copies()
    {
        QuorumOptions read = Read("""places = ["1 eu r1", "3 us r2"], copies = ["eu 3", "us 2"], region-order = [us, eu]""");
        Assert.Equal(new Dictionary<ReplicaId, ReplicaPlace> { [new(1)] = new("eu", "r1"), [new(3)] = new("us", "r2") }, read.Places);
        Assert.Equal(new Dictionary<string, int> { ["eu"] = 3, ["us"] = 2 }, read.Copies);
        Assert.Equal(["us", "eu"], read.RegionOrder);
    }

    [Fact]
    public void What_decides_who_owns_a_key_is_declared_with_the_group_and_what_a_node_may_have_for_itself_is_not()
    {
        const string Settings = """places = ["1 eu r1", "3 us r2"], copies = ["eu 3", "us 2"], region-order = [us, eu]""";
        string declared = new QuorumFactory(Read(Settings)).Declaration;
        Assert.Contains("place n3 = us r2\n", declared, StringComparison.Ordinal);
        Assert.Contains("copies = eu 3, us 2\n", declared, StringComparison.Ordinal);
        Assert.Equal(declared, new QuorumFactory(Read("""places = ["3 us r2", "1 eu r1"], copies = ["us 2", "eu 3"], region-order = [us, eu], repair.every = 5 s""")).Declaration);
        foreach (string other in (string[])["""places = ["1 eu r1", "3 us r1"]""", """places = ["1 eu r1"]""", """copies = ["eu 3"]""", "region-order = [eu, us]", "max-clock-skew = 1 s", "tokens = 32"])
            Assert.NotEqual(declared, new QuorumFactory(Read($"{Settings}, {other}")).Declaration);
    }

    [Theory]
    [InlineData("read = most", "actorrepl.quorum.read is 'most'; it must be one, two, three, quorum")]
    [InlineData("read = any", "what reads and writes wait for")]
    [InlineData("""places = ["1 eu"]""", "each must be 'NODE REGION RACK'")]
    [InlineData("""copies = ["eu 0"]""", "each must be 'REGION COPIES'")]
    [InlineData("grace = 1 s", "GraceMicros")]
    public void What_is_wrong_is_named_with_what_is_allowed(string text, string problem) =>
        Assert.Contains(problem, Assert.Throws<UserErrorException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_group_in_code_says_copies_and_levels_and_takes_no_machine()
    {
        var options = new ActorReplOptions { Nodes = 3 };
        options.AddGroup("orders", group => group.Quorum(n: 3, r: 1, w: 2, options: read => read with { Resolution = Resolution.LastWriteWins }));
        NodePlan plan = NodePlan.Make(options);
        Assert.Equal("quorum", plan.Replication.Groups.Single().Protocol.Name);
        Assert.IsType<QuorumStore>(plan.Replication.Groups.Single().Machine());
        var own = new ActorReplOptions { Nodes = 3 };
        own.AddGroup("orders", group => group.Quorum().StateMachine(() => new Protocols.Machines.KeyValueMachine()));
        Assert.Contains("the protocol keeps the values itself", Assert.Throws<UserErrorException>(() => NodePlan.Make(own)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_can_be_named_on_the_command_line()
    {
        var launch = new NodeLaunch(1, 3, "/data", 7000, "actorrepl") { Protocol = "quorum" };
        Assert.Equal("quorum", Assert.Single(NodeSettings.Load(launch).Groups).Protocol);
    }

    [Fact]
    public void A_group_without_a_leader_is_not_shipped()
    {
        var options = new ActorReplOptions { Nodes = 3 };
        options.AddGroup("a", group => group.Quorum().ShipTo("b")).AddGroup("b", group => group.Raft());
        Assert.Contains("nothing can be shipped", Assert.Throws<UserErrorException>(() => NodePlan.Make(options)).Message, StringComparison.Ordinal);
    }

    private static PropertyInfo[] Options() => [.. typeof(QuorumOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance)];

    private static QuorumOptions Read(string settings) =>
        QuorumSettings.Read(Hocon.Parse($"actorrepl.quorum {{ {settings} }}", "test.conf").WithFallback(Hocon.Reference), "kv");
}
