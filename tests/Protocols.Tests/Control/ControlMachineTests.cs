using System.Collections.Immutable;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Control;

public sealed class ControlMachineTests
{
    private static readonly ShardKey First = new("kv", 0);

    [Fact]
    public void A_node_that_registers_is_joining_and_the_version_rises_by_one()
    {
        var cluster = new Cluster();
        Assert.Equal(new ControlResult.Accepted(1, Changed: true), cluster.Apply(Register(1, region: "eu", rack: "r1"), wallMicros: 5_000_000));
        ControlNode node = cluster.State.Node(N(1))!;
        Assert.Equal(
            ("node1", "127.0.0.1:4001", "eu", "r1", Disk(1), NodeStatus.Joining, DateTimeOffset.UnixEpoch.AddSeconds(5)),
            (node.Name, node.Address, node.Region, node.Rack, node.Disk, node.Status, node.StatusSince));
    }

    [Fact]
    public void Every_command_sent_again_is_accepted_and_changes_nothing()
    {
        Cluster cluster = Cluster.Of(4);
        ControlCommand[] commands =
        [
            Register(5),
            new ControlCommand.SetNodeStatus(N(5), NodeStatus.Joining, NodeStatus.Up),
            new ControlCommand.RegisterGroup("kv", "raft", 3, "a=1", [new ShardPlan(Voters(1, 2, 3), N(1))]),
            new ControlCommand.SetMembers(First, 1, Voters(2, 3, 4)),
            new ControlCommand.SetPreferredLeader(First, N(3)),
            new ControlCommand.InstallView(First, 0, new byte[] { 7 }),
            new ControlCommand.ReleaseReplica(First, N(1), Disk(1)),
            new ControlCommand.RemoveNode(N(5)),
        ];
        foreach (ControlCommand command in commands)
        {
            Assert.True(cluster.Accept(command).Changed, $"{command}");
            long version = cluster.State.Version;
            Assert.Equal(new ControlResult.Accepted(version, Changed: false), cluster.Apply(command));
        }
    }

    [Theory]
    [InlineData(0, "a", "h:1", "node number 0")]
    [InlineData(2, "", "h:1", "name ''")]
    [InlineData(2, "a b", "h:1", "name 'a b'")]
    [InlineData(2, "a", "h", "address 'h'")]
    [InlineData(2, "a", "h:0", "address 'h:0'")]
    [InlineData(2, "a", "h:65536", "address")]
    [InlineData(2, "node1", "h:1", "node1")]
    [InlineData(2, "a", "127.0.0.1:4001", "127.0.0.1:4001")]
    public void A_node_that_registers_wrongly_is_refused_by_what_is_wrong(int id, string name, string address, string said)
    {
        ControlResult.Refused refused = Cluster.Of(1).Refuse(new ControlCommand.RegisterNode(N(id), name, address, Disk(id)));
        Assert.Equal(ControlRefusal.Invalid, refused.Why);
        Assert.Contains(said, refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_that_starts_again_elsewhere_keeps_its_status_and_its_replicas()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        cluster.Accept(Register(2) with { Address = "10.0.0.2:99", Rack = "r9" });
        Assert.Equal(("10.0.0.2:99", "r9", NodeStatus.Up), (cluster.State.Node(N(2))!.Address, cluster.State.Node(N(2))!.Rack, cluster.State.Node(N(2))!.Status));
        Assert.Empty(cluster.Shard("kv", 0).Retired);
    }

    [Fact]
    public void A_node_with_a_new_disk_has_its_replicas_retired_and_founds_nothing_any_more()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 2, 3);
        cluster.Accept(Register(1, generation: 1));
        Assert.Equal(cluster.State.Version, cluster.State.Node(N(1))!.DiskVersion);
        Assert.Equal([N(1)], cluster.Shard("kv", 0).Retired);
        Assert.Equal([N(2), N(3)], cluster.Shard("kv", 0).Founders);
        Assert.Equal([N(1), N(2), N(3)], cluster.Shard("kv", 0).Initial);
        Assert.Empty(cluster.Shard("kv", 1).Retired);
        Assert.Equal(Voters(1, 2, 3), cluster.Shard("kv", 0).Members);
    }

    [Fact]
    public void Releasing_a_retired_replica_is_refused_when_the_disk_was_replaced_again()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        cluster.Accept(Register(1, generation: 1));
        cluster.Accept(Register(1, generation: 2));
        Assert.Equal(ControlRefusal.Conflict, cluster.Refuse(new ControlCommand.ReleaseReplica(First, N(1), Disk(1, 1))).Why);
        cluster.Accept(new ControlCommand.ReleaseReplica(First, N(1), Disk(1, 2)));
        Assert.Empty(cluster.Shard("kv", 0).Retired);
    }

    [Fact]
    public void A_member_that_is_taken_out_is_leaving_until_it_is_released_or_comes_back()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetPreferredLeader(First, N(1)));
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(2, 3, 4)));
        Assert.Equal([N(1)], cluster.Shard("kv", 0).Leaving);
        cluster.Accept(new ControlCommand.SetMembers(First, 2, Voters(1, 2, 3)));
        ControlShard shard = cluster.Shard("kv", 0);
        Assert.Equal([N(4)], shard.Leaving);
        Assert.Empty(shard.Retired);
        Assert.Equal([N(2), N(3)], shard.Founders);
        Assert.True(shard.PreferredLeader.IsNone);
        cluster.Accept(new ControlCommand.ReleaseReplica(First, N(4), Disk(4)));
        Assert.Empty(cluster.Shard("kv", 0).Leaving);
    }

    [Fact]
    public void A_leaving_replica_whose_disk_is_replaced_is_retired_and_stays_so_as_a_member_again()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(2, 3, 4)));
        cluster.Accept(Register(1, generation: 1));
        cluster.Accept(new ControlCommand.SetMembers(First, 2, Voters(1, 2, 3)));
        Assert.Equal([N(1)], cluster.Shard("kv", 0).Retired);
        Assert.Equal([N(4)], cluster.Shard("kv", 0).Leaving);
    }

    [Fact]
    public void Of_two_controllers_that_change_members_at_once_the_second_is_refused()
    {
        Cluster cluster = Cluster.Of(5).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(1, 2, 4)));
        ControlResult.Refused refused = cluster.Refuse(new ControlCommand.SetMembers(First, 1, Voters(1, 2, 5)));
        Assert.Equal(ControlRefusal.Conflict, refused.Why);
        Assert.Contains("have version 2, not 1", refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Members_go_only_to_nodes_that_take_replicas()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetNodeStatus(N(4), NodeStatus.Up, NodeStatus.Draining));
        Assert.Contains("draining", cluster.Refuse(new ControlCommand.SetMembers(First, 1, Voters(1, 2, 4))).Reason, StringComparison.Ordinal);
        Assert.Equal(ControlRefusal.NotFound, cluster.Refuse(new ControlCommand.SetMembers(First, 1, Voters(1, 2, 9))).Why);
        Assert.Equal(ControlRefusal.NotFound, cluster.Refuse(new ControlCommand.SetMembers(new ShardKey("kv", 1), 1, Voters(1, 2))).Why);
        Assert.Equal(ControlRefusal.NotFound, cluster.Refuse(new ControlCommand.SetMembers(new ShardKey("no", 0), 1, Voters(1, 2))).Why);
    }

    [Fact]
    public void A_group_that_another_host_declares_alike_is_accepted_wherever_that_host_would_place_it()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        var declared = new ControlCommand.RegisterGroup("kv", "raft", 3, "", [new ShardPlan(Voters(2, 3, 4), N(2))]);
        Assert.False(cluster.Accept(declared).Changed);
        Assert.Equal(Voters(1, 2, 3), cluster.Shard("kv", 0).Members);
    }

    [Fact]
    public void A_group_that_another_host_declares_differently_is_refused_by_each_difference()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        string reason = cluster.Refuse(new ControlCommand.RegisterGroup(
            "kv", "chain", 3, "x", [new ShardPlan(Voters(1, 2, 3), N(1)), new ShardPlan(Voters(1, 2, 3), N(1))])).Reason;
        Assert.Contains("protocol 'chain' where 'raft' is registered", reason, StringComparison.Ordinal);
        Assert.Contains("shards '2' where '1' is registered", reason, StringComparison.Ordinal);
        Assert.Contains("x '' where 'nothing' is registered", reason, StringComparison.Ordinal);
        Assert.DoesNotContain("replicas '", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_another_host_declares_differently_are_refused_by_each_and_replaced_by_those_of_a_later_version()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        ControlCommand.RegisterGroup With(int version, string declaration) =>
            new("kv", "raft", 3, GroupOptions.Declare(declaration, version), [new ShardPlan(Voters(1, 2, 3), N(1))]);

        // A host of before there were any declared none.
        cluster.Accept(With(1, "lease = 300 ms\nack.level = sync\n"));
        cluster.Accept(With(1, "lease = 300 ms\nack.level = sync\n"));
        cluster.Accept(With(1, ""));
        string reason = cluster.Refuse(With(1, "lease = 8000 ms\nack.level = sync\nparts = 3 delay 1 ms\n")).Reason;
        Assert.Equal(
            "group 'kv' is declared with lease '8000 ms' where '300 ms' is registered, parts '3 delay 1 ms' where 'nothing' is registered; all hosts must declare the same;"
            + " to change them on all, raise settings-version above 1",
            reason);

        cluster.Accept(With(2, "lease = 8000 ms\nack.level = sync\n"));
        Assert.Contains("settings-version '1' where '2' is registered", cluster.Refuse(With(1, "lease = 300 ms\nack.level = sync\n")).Reason, StringComparison.Ordinal);
        Assert.Equal(ControlRefusal.Limit, cluster.Refuse(With(3, new string('x', 4097))).Why);
    }

    [Theory]
    [InlineData("")]
    [InlineData("lease = 300 ms\n")]
    public void How_keys_are_placed_stays_as_it_was_when_the_group_was_made_whatever_version_is_declared(string declaration)
    {
        foreach (KeyPlacement made in Enum.GetValues<KeyPlacement>())
        {
            KeyPlacement other = made == KeyPlacement.Braces ? KeyPlacement.WholeKey : KeyPlacement.Braces;
            Cluster cluster = Cluster.Of(3);
            ControlCommand.RegisterGroup By(KeyPlacement rule, int version) =>
                new("kv", "raft", 3, GroupOptions.Declare(declaration, version, rule), [new ShardPlan(Voters(1, 2, 3), N(1))]);
            cluster.Accept(By(made, 1));
            Assert.False(cluster.Accept(By(made, 1)).Changed);
            Assert.Contains($"keys placed by '{other.Name()}' where '{made.Name()}' is registered", cluster.Refuse(By(other, 1)).Reason, StringComparison.Ordinal);
            Assert.Contains("which never changes", cluster.Refuse(By(other, 2)).Reason, StringComparison.Ordinal);
            Assert.Equal(made, GroupOptions.PlacementOf(cluster.State.Groups["kv"].Options));
        }

        // What hosts declared before there were rules.
        Assert.Equal(KeyPlacement.WholeKey, GroupOptions.PlacementOf(""));
        Assert.Equal(declaration.Length == 0 ? "" : $"settings-version = 1\n{declaration}", GroupOptions.Declare(declaration, 1, KeyPlacement.WholeKey));
    }

    [Fact]
    public void A_group_is_refused_when_its_name_its_placement_or_its_size_is_wrong()
    {
        Cluster cluster = Cluster.Of(3);
        ImmutableArray<ShardPlan> three = [new ShardPlan(Voters(1, 2, 3), N(1))];
        Assert.Contains("group name", cluster.Refuse(new ControlCommand.RegisterGroup("a/b", "raft", 3, "", three)).Reason, StringComparison.Ordinal);
        Assert.Contains("declares 2 replicas", cluster.Refuse(new ControlCommand.RegisterGroup("kv", "raft", 2, "", three)).Reason, StringComparison.Ordinal);
        Assert.Contains("0 shards", cluster.Refuse(new ControlCommand.RegisterGroup("kv", "raft", 3, "", [])).Reason, StringComparison.Ordinal);
        Assert.Contains("prefer n3", cluster.Refuse(new ControlCommand.RegisterGroup("kv", "raft", 2, "", [new ShardPlan(Voters(1, 2), N(3))])).Reason, StringComparison.Ordinal);
        Assert.Equal(ControlRefusal.Limit, cluster.Refuse(new ControlCommand.RegisterGroup("kv", "raft", 3, new string('x', 4097), three)).Why);
    }

    [Fact]
    public void Epochs_rise_by_one_and_only_from_the_one_that_is_expected()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.InstallView(First, 0, new byte[] { 1 }));
        cluster.Accept(new ControlCommand.InstallView(First, 1, new byte[] { 2 }));
        Assert.Equal(ControlRefusal.Conflict, cluster.Refuse(new ControlCommand.InstallView(First, 1, new byte[] { 3 })).Why);
        Assert.Equal(ControlRefusal.Conflict, cluster.Refuse(new ControlCommand.InstallView(First, 0, new byte[] { 1 })).Why);
        Assert.Equal(ControlRefusal.Limit, cluster.Refuse(new ControlCommand.InstallView(First, 2, new byte[ControlLimits.MaxViewBytes + 1])).Why);
        Assert.Equal(2, cluster.Shard("kv", 0).Epoch);
        Assert.Equal([2], cluster.Shard("kv", 0).View.ToArray());
    }

    [Fact]
    public void Only_a_voter_is_preferred_as_leader_and_none_takes_the_preference_back()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        Assert.Equal(ControlRefusal.Invalid, cluster.Refuse(new ControlCommand.SetPreferredLeader(First, N(4))).Why);
        cluster.Accept(new ControlCommand.SetPreferredLeader(First, ReplicaId.None));
        Assert.True(cluster.Shard("kv", 0).PreferredLeader.IsNone);
    }

    [Fact]
    public void A_status_is_set_only_from_the_one_that_is_expected()
    {
        Cluster cluster = Cluster.Of(2);
        cluster.Accept(new ControlCommand.SetNodeStatus(N(1), NodeStatus.Up, NodeStatus.Draining), wallMicros: 9_000_000);
        Assert.Equal(DateTimeOffset.UnixEpoch.AddSeconds(9), cluster.State.Node(N(1))!.StatusSince);
        Assert.Equal(ControlRefusal.Conflict, cluster.Refuse(new ControlCommand.SetNodeStatus(N(1), NodeStatus.Up, NodeStatus.Lost)).Why);
        Assert.Equal(ControlRefusal.Invalid, cluster.Refuse(new ControlCommand.SetNodeStatus(N(1), NodeStatus.Draining, NodeStatus.Removed)).Why);
        Assert.Equal(ControlRefusal.Invalid, cluster.Refuse(new ControlCommand.SetNodeStatus(N(1), NodeStatus.Draining, NodeStatus.Joining)).Why);
        Assert.Equal(ControlRefusal.NotFound, cluster.Refuse(new ControlCommand.SetNodeStatus(N(3), NodeStatus.Up, NodeStatus.Lost)).Why);
    }

    [Fact]
    public void A_node_is_removed_once_nothing_is_placed_on_it_and_comes_back_with_an_empty_disk_only()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        Assert.Contains("kv/0", cluster.Refuse(new ControlCommand.RemoveNode(N(1))).Reason, StringComparison.Ordinal);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(2, 3, 4)));
        cluster.Accept(new ControlCommand.RemoveNode(N(1)));
        Assert.Contains("empty data directory", cluster.Refuse(Register(1)).Reason, StringComparison.Ordinal);
        cluster.Accept(Register(1, generation: 1));
        Assert.Equal(NodeStatus.Joining, cluster.State.Node(N(1))!.Status);
    }

    [Fact]
    public void The_control_group_itself_keeps_no_node_from_being_removed()
    {
        Cluster cluster = Cluster.Of(3).WithGroup(ControlGroup.Own, 1, 3);
        cluster.Accept(new ControlCommand.RemoveNode(N(3)));
    }

    [Fact]
    public void The_name_and_the_address_of_a_removed_node_are_free()
    {
        Cluster cluster = Cluster.Of(2);
        cluster.Accept(new ControlCommand.RemoveNode(N(2)));
        cluster.Accept(Register(2) with { Node = N(3), Disk = Disk(3) });
    }

    [Fact]
    public void A_state_that_would_grow_too_large_is_refused_and_what_is_there_stays_usable()
    {
        Cluster cluster = Cluster.Of(3);
        ControlResult.Refused? refused = null;
        int registered = 0;
        for (; registered < 100 && refused is null; registered++)
        {
            ImmutableArray<ShardPlan> placement = [.. Enumerable.Repeat(new ShardPlan(Voters(1, 2, 3), N(1)), ControlLimits.MaxShards)];
            refused = cluster.Apply(new ControlCommand.RegisterGroup($"g{registered}", "raft", 3, "", placement)) as ControlResult.Refused;
        }

        Assert.Equal(ControlRefusal.Limit, refused!.Why);
        Assert.InRange(Bytes(cluster.State).Length, ControlLimits.MaxStateBytes / 2, ControlLimits.MaxStateBytes);
        cluster.Accept(new ControlCommand.SetNodeStatus(N(1), NodeStatus.Up, NodeStatus.Lost));
    }

    [Fact]
    public void There_are_at_most_63_nodes()
    {
        Cluster cluster = Cluster.Of(63);
        Assert.Equal(ControlRefusal.Limit, cluster.Refuse(Register(64)).Why);
        cluster.Accept(new ControlCommand.RemoveNode(N(5)));
        cluster.Accept(Register(64));
    }

    [Fact]
    public void The_state_is_given_when_its_version_is_another()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 2, 3);
        long version = cluster.State.Version;
        Assert.Equal(new ControlResult.State(null), cluster.Query(new ControlQuery.StateSince(version)));
        foreach (long other in (long[])[0, version - 1, version + 1])
        {
            ControlState given = Assert.IsType<ControlResult.State>(cluster.Query(new ControlQuery.StateSince(other))).Value!;
            Assert.Equal(Bytes(cluster.State), Bytes(given));
        }

        Assert.NotNull(Assert.IsType<ControlResult.State>(new Cluster().Query(new ControlQuery.StateSince(0))).Value);
        Assert.Equal(2, Assert.IsType<ControlResult.Group>(cluster.Query(new ControlQuery.Group("kv"))).Value!.Shards.Count);
        Assert.Null(Assert.IsType<ControlResult.Group>(cluster.Query(new ControlQuery.Group("no"))).Value);
    }

    [Fact]
    public void Bytes_that_are_no_command_or_query_are_refused()
    {
        var machine = new ControlMachine();
        byte[] command = ControlCodec.Encode(new ControlCommand.RemoveNode(N(1))).ToArray();
        foreach (byte[] wrong in (byte[][])[[], [9], [1, 99], [1, 64, 0], [.. command, 0], command[..^1]])
        {
            Assert.IsType<ControlResult.Refused>(ControlCodec.DecodeResult(machine.Apply(new AppliedCommand(1, 1, wrong))));
            Assert.IsType<ControlResult.Refused>(ControlCodec.DecodeResult(machine.Query(wrong)));
        }

        Assert.Equal(0, machine.State.Version);
    }

    [Fact]
    public void A_checkpoint_holds_the_state_as_it_was_when_it_was_begun_whatever_the_segment_size()
    {
        Cluster cluster = Cluster.Of(5).WithGroup("kv", 8, 3);
        byte[] before = Bytes(cluster.State);
        using ICheckpointView view = cluster.Machine.BeginCheckpoint();
        cluster.Accept(new ControlCommand.SetNodeStatus(N(1), NodeStatus.Up, NodeStatus.Draining));
        foreach (int size in (int[])[1, 7, 100, 1 << 20])
        {
            ReadOnlyMemory<byte>[] segments = [.. view.Segments(size)];
            Assert.All(segments, segment => Assert.InRange(segment.Length, 1, size));
            var restored = new ControlMachine();
            restored.Restore(segments);
            Assert.Equal(before, Bytes(restored.State));
        }

        Assert.Throws<InvalidDataException>(() => new ControlMachine().Restore([new byte[] { 1, 2, 3 }]));
    }
}
