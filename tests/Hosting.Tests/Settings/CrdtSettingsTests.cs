using System.Reflection;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Tests.Settings;

public sealed class CrdtSettingsTests
{
    public static TheoryData<string, string, string, object> Settings => new()
    {
        { "read", "quorum", nameof(ConvergentOptions.Read), ConsistencyLevel.Quorum },
        { "write", "2", nameof(ConvergentOptions.Write), ConsistencyLevel.Two },
        { "merkle-depth", "2", nameof(ConvergentOptions.MerkleDepth), 2 },
        { "beat", "100 ms", nameof(ConvergentOptions.BeatMicros), 100_000L },
        { "resend-after", "1 s", nameof(ConvergentOptions.ResendMicros), 1_000_000L },
        { "relay-after", "3 s", nameof(ConvergentOptions.RelayAfterMicros), 3_000_000L },
        { "patience", "9 s", nameof(ConvergentOptions.PatienceMicros), 9_000_000L },
        { "collect-every", "7 s", nameof(ConvergentOptions.CollectMicros), 7_000_000L },
        { "window-bytes", "2 MiB", nameof(ConvergentOptions.WindowBytes), 2 << 20 },
        { "max-message-bytes", "64 KiB", nameof(ConvergentOptions.MaxMessageBytes), 65_536 },
        { "max-retained-bytes", "1 MiB", nameof(ConvergentOptions.MaxRetainedBytes), 1_048_576L },
        { "max-held-updates", "10", nameof(ConvergentOptions.MaxHeldUnits), 10 },
        { "max-value-bytes", "1 MiB", nameof(ConvergentOptions.MaxValueBytes), 1 << 20 },
        { "max-tag-bytes", "1 MiB", nameof(ConvergentOptions.MaxTagBytes), 1_048_576L },
        { "max-update-bytes", "64 KiB", nameof(ConvergentOptions.MaxUpdateBytes), 65_536 },
        { "max-answer-bytes", "128 KiB", nameof(ConvergentOptions.MaxAnswerBytes), 131_072 },
        { "max-pending-requests", "99", nameof(ConvergentOptions.MaxPendingRequests), 99 },
        { "max-hot-values", "9", nameof(ConvergentOptions.MaxHotValues), 9 },
        { "max-changes", "100", nameof(ConvergentOptions.MaxChanges), 100 },
        { "checkpoint-bytes", "1 MiB", nameof(ConvergentOptions.CheckpointBytes), 1_048_576L },
        { "checkpoint-entries", "77", nameof(ConvergentOptions.CheckpointEntries), 77L },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Each_setting_sets_its_option_and_no_other(string setting, string value, string option, object expected)
    {
        ConvergentOptions before = Read(""), after = Read($"{setting} = {value}");
        foreach (PropertyInfo property in Options())
            Assert.Equal(property.Name == option ? expected : property.GetValue(before), property.GetValue(after));
    }

    [Fact]
    public void Every_option_is_a_setting() => Assert.Equal(Options().Select(property => property.Name).Order(), Settings.Select(row => (string)row[2]).Order());

    [Fact]
    public void The_defaults_of_the_files_are_those_of_the_protocol()
    {
        ConvergentOptions read = Read(""), built = ConvergentOptions.Default;
        // An answer must fit into half a frame.
        foreach (PropertyInfo property in Options().Where(property => property.Name != nameof(ConvergentOptions.MaxAnswerBytes)))
            Assert.Equal(property.GetValue(built), property.GetValue(read));
        Assert.True(read.MaxAnswerBytes <= built.MaxAnswerBytes);
    }

    [Theory]
    [InlineData("read = most", "actorrepl.crdt.read is 'most'; it must be one, two, three, quorum, all")]
    [InlineData("write = each-quorum", "a CRDT group waits for a number of replicas from 1, Quorum or All")]
    [InlineData("max-answer-bytes = 3 MiB", "actorrepl.crdt.max-answer-bytes is")]
    [InlineData("max-update-bytes = 3 MiB", "actorrepl.crdt.max-update-bytes is")]
    [InlineData("max-message-bytes = 3 MiB", "actorrepl.crdt.max-message-bytes is")]
    [InlineData("merkle-depth = 9", "actorrepl.crdt.merkle-depth is '9'; it must")]
    public void What_is_wrong_is_named_with_what_is_allowed(string text, string problem) =>
        Assert.Contains(problem, Assert.Throws<UserErrorException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_group_may_be_declared_in_code_and_on_the_command_line()
    {
        var options = new ActorReplOptions { Nodes = 3 };
        options.AddGroup("carts", group => group.Crdt(options: read => read with { Write = ConsistencyLevel.Quorum }));
        NodePlan plan = NodePlan.Make(options);
        Assert.Equal(("crdt", true), (plan.Replication.Groups.Single().Protocol.Name, plan.Replication.Groups.Single().Protocol.IsLeaderless));
        Assert.IsType<ConvergentStore>(plan.Replication.Groups.Single().Machine());
        var launch = new NodeLaunch(1, 3, "/data", 7000, "actorrepl") { Protocol = "crdt" };
        Assert.Equal("crdt", Assert.Single(NodeSettings.Load(launch).Groups).Protocol);
    }

    // How finely work is cut is no setting: simulations cut it finer.
    private static PropertyInfo[] Options() => [.. typeof(ConvergentOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.Name != nameof(ConvergentOptions.HashedAtOnce))];

    private static ConvergentOptions Read(string settings) =>
        CrdtSettings.Read(Hocon.Parse($"actorrepl.crdt {{ {settings} }}", "test.conf").WithFallback(Hocon.Reference), "kv");
}
