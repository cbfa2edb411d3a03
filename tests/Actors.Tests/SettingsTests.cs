using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using Akka.Configuration;

namespace ActorRepl.Actors.Tests;

public sealed class SettingsTests
{
    private static readonly ReplicationSettings Empty = new() { Cluster = "test", Self = new ReplicaId(1), Nodes = [], Groups = [] };

    [Fact]
    public void The_file_of_defaults_says_what_the_code_says()
    {
        ReplicationSettings read = Empty.WithConfig(Config.Empty);
        Assert.Equal(new WireLimits(), read.Limits);
        Assert.Equal(new RouterSettings(), read.Router);
        Assert.Equal(new ReplicaSettings(), read.Replica);
        Assert.Equal(TimeSpan.FromSeconds(5), read.RequestTimeout);
    }

    [Theory]
    [InlineData("actorrepl.router.max-requests = 0", "actorrepl.router.max-requests is 0; it must be 1 to 2147483647")]
    [InlineData("actorrepl.limits.batch-bytes = 3 MiB", "actorrepl.limits.batch-bytes is 3145728; it must be 1024 to 2095104")]
    [InlineData("actorrepl.limits.segment-bytes = 2 MiB", "actorrepl.limits.segment-bytes is 2097152; it must be 1024 to 2095104")]
    [InlineData("actorrepl.request-timeout = 0 s", "actorrepl.request-timeout is 00:00:00; it must be above 0")]
    public void A_setting_out_of_bounds_is_named_with_what_is_allowed(string setting, string message)
    {
        var refused = Assert.Throws<ArgumentException>(() => Empty.WithConfig(ConfigurationFactory.ParseString(setting)));
        Assert.StartsWith(message, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_are_spread_over_the_nodes_in_order_of_their_ids()
    {
        ReplicaId[] nodes = [new(9), new(2), new(5), new(7)];
        Assert.Equal([new(2), new(5), new(7)], ShardPlacement.ReplicasOf(0, 3, nodes));
        Assert.Equal([new(2), new(7), new(9)], ShardPlacement.ReplicasOf(2, 3, nodes));
        Assert.Equal(ShardPlacement.ReplicasOf(1, 3, nodes), ShardPlacement.ReplicasOf(5, 3, nodes.Reverse()));
        Assert.Throws<ArgumentOutOfRangeException>(() => ShardPlacement.ReplicasOf(0, 5, nodes));
    }
}
