using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using FsCheck;
using FsCheck.Fluent;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Control;

public class ControlCodecProperties
{
    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    [Fact]
    public void A_command_comes_back_as_it_was_written() => ForAll(random =>
    {
        ControlCommand command = AnyCommand(random);
        byte[] bytes = ControlCodec.Encode(command).ToArray();
        ControlCommand read = ControlCodec.DecodeCommand(bytes);
        Assert.Equal(command.GetType(), read.GetType());
        Assert.Equal(bytes, ControlCodec.Encode(read).ToArray());
        Assert.Equal(Shown(command), Shown(read));
        Assert.Throws<InvalidDataException>(() => ControlCodec.DecodeCommand(bytes.AsMemory(0, (int)random.Next(bytes.Length))));
    });

    [Fact]
    public void Equal_histories_give_equal_bytes_and_the_state_comes_back_from_them() => ForAll(random =>
    {
        var one = new Cluster();
        var other = new Cluster();
        for (int step = 0; step < 60; step++)
        {
            ControlCommand command = AnyCommand(random);
            ControlState before = one.State;
            ControlResult result = one.Apply(command, 1 + step);
            Assert.Equal(result, other.Apply(command, 1 + step));
            bool isChanged = result is ControlResult.Accepted { Changed: true };
            Assert.Equal(before.Version + (isChanged ? 1 : 0), one.State.Version);
            Assert.Equal(isChanged, !ReferenceEquals(before, one.State));
        }

        byte[] bytes = Bytes(one.State);
        Assert.Equal(bytes, Bytes(other.State));
        Assert.Equal(bytes, Bytes(ControlStateCodec.Decode(bytes)));
        Assert.Throws<InvalidDataException>(() => ControlStateCodec.Decode(bytes.AsMemory(0, (int)random.Next(bytes.Length))));
    });

    [Fact]
    public void Random_bytes_are_refused_and_break_nothing() => ForAll(random =>
    {
        byte[] garbage = [1, (byte)random.Next(70), .. Kernel.Any.Bytes(random, 60)];
        foreach (Action decode in (Action[])[
            () => ControlCodec.DecodeCommand(garbage), () => ControlCodec.DecodeQuery(garbage),
            () => ControlCodec.DecodeResult(garbage), () => ControlStateCodec.Decode(garbage)])
        {
            Exception? thrown = Record.Exception(decode);
            Assert.True(thrown is null or InvalidDataException, $"{thrown}");
        }
    });

    private static string Shown(ControlCommand command) => command switch
    {
        ControlCommand.InstallView view => $"{view.Shard} {view.ExpectedEpoch} {Convert.ToHexString(view.View.Span)}",
        ControlCommand.RegisterGroup group => $"{group with { Placement = [] }} {string.Join(";", group.Placement)}",
        _ => command.ToString(),
    };

    private static ControlCommand AnyCommand(DeterministicRandom random)
    {
        int id = 1 + (int)random.Next(5);
        var shard = new ShardKey(random.Next(2) == 0 ? "a" : "b", (int)random.Next(2));
        switch (random.Next(10))
        {
            case 0 or 1:
                return Register(id, (int)random.Next(2), random.Next(2) == 0 ? "" : "eu", random.Next(2) == 0 ? "" : "r1");
            case 2 or 3:
                return new ControlCommand.SetNodeStatus(N(id), (NodeStatus)(1 + random.Next(5)), (NodeStatus)(1 + random.Next(5)));
            case 4:
                ShardPlan[] plans = [.. Enumerable.Range(0, 1 + (int)random.Next(2)).Select(_ => new ShardPlan(AnyMembership(random), N((int)random.Next(6))))];
                return new ControlCommand.RegisterGroup(shard.Group, "raft", plans[0].Members.Voters.Count, random.Next(2) == 0 ? "" : "ä=1", [.. plans]);
            case 5:
                return new ControlCommand.SetMembers(shard, random.Next(4), AnyMembership(random));
            case 6:
                return new ControlCommand.SetPreferredLeader(shard, N((int)random.Next(6)));
            case 7:
                return new ControlCommand.InstallView(shard, random.Next(3), Kernel.Any.Bytes(random, 9));
            case 8:
                return new ControlCommand.ReleaseReplica(shard, N(id), Disk(id, (int)random.Next(2)));
            default:
                return new ControlCommand.RemoveNode(N(id));
        }
    }

    private static Membership AnyMembership(DeterministicRandom random)
    {
        int[] nodes = [.. Enumerable.Range(1, 5).OrderBy(_ => random.NextUInt64())];
        int voters = 1 + (int)random.Next(3);
        return new Membership(nodes[..voters].Select(N), nodes[voters..(voters + (int)random.Next(2))].Select(N));
    }
}
