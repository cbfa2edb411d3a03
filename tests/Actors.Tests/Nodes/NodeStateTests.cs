using System.Buffers.Binary;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Raft;
using Akka.Actor;

namespace ActorRepl.Actors.Tests.Nodes;

/// <summary>What a node remembers between two runs.</summary>
public sealed class NodeStateTests
{
    private static readonly NodeInfo[] Infos = [.. Enumerable.Range(1, 3).Select(id =>
        new NodeInfo(new ReplicaId(id), $"node-{id}", new Address("akka.tcp", "test", "127.0.0.1", 4000 + id)) { Region = "eu", Rack = $"r{id}" })];

    [Fact]
    public void Comes_back_as_it_was_saved()
    {
        var state = new NodeState
        {
            Disk = Guid.NewGuid(),
            Founders = [new(1), new(2)],
            Nodes = Infos,
            Groups = ["kv", "carts"],
            Hosted = [new("kv", 0, 0), new("kv", 3, 7)],
            Leftovers = [new("carts", 1, 2)],
            LastGeneration = 7,
            Control = new byte[] { 1, 2, 3 },
            Undecided = true,
            FoundingDisks = new Dictionary<ReplicaId, Guid> { [new(2)] = Guid.NewGuid(), [new(1)] = Guid.NewGuid() },
        };
        NodeState again = NodeState.Decode(state.Encode());
        Assert.Equal(state.Nodes, again.Nodes);
        Assert.Equal(state.Hosted, again.Hosted);
        Assert.Equal(state.Leftovers, again.Leftovers);
        Assert.Equal(state.Encode(), again.Encode());
        Assert.Equal(state.FoundingDisks[new(2)], again.DiskOf(new(2)));
        Assert.Equal(Guid.Empty, again.DiskOf(new(3)));
    }

    [Fact]
    public void What_the_version_before_saved_counts_as_founded()
    {
        var state = new NodeState { Disk = Guid.NewGuid(), Founders = [new(1), new(2)], Nodes = Infos, Groups = ["kv"], Hosted = [new("kv", 0, 0)] };
        byte[] bytes = [.. state.Encode()[..^(1 + 2 * sizeof(int))], 0, 0, 0, 0];
        bytes[0] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(^4..), Crc32C.Compute(bytes.AsSpan(..^4)));
        NodeState read = NodeState.Decode(bytes);
        Assert.False(read.Undecided);
        Assert.Equal(state.Encode(), read.Encode());
    }

    [Fact]
    public void The_control_group_says_best_which_disk_a_node_has()
    {
        var registered = new ControlNode { Id = new(2), Name = "node-2", Address = "127.0.0.1:4002", Disk = Guid.NewGuid() };
        Guid founding = Guid.NewGuid();
        var state = new NodeState
        {
            FoundingDisks = new Dictionary<ReplicaId, Guid> { [new(1)] = founding, [new(2)] = founding },
            Control = ControlStateCodec.Encode(ControlState.Empty with { Nodes = ControlState.Empty.Nodes.Add(registered.Id, registered) }),
        };
        Assert.Equal(registered.Disk, state.DiskOf(new(2)));
        Assert.Equal(founding, state.DiskOf(new(1)));
    }

    [Fact]
    public void Damage_is_found_wherever_it_is()
    {
        byte[] bytes = new NodeState { Nodes = Infos, Groups = ["kv"] }.Encode();
        for (int at = 0; at < bytes.Length; at++)
        {
            byte[] damaged = [.. bytes];
            damaged[at] ^= 0x10;
            Assert.Throws<InvalidDataException>(() => NodeState.Decode(damaged));
        }
    }

    [Fact]
    public void A_node_that_is_started_first_holds_what_placement_gives_it_and_later_what_it_remembers()
    {
        var store = new MemoryNodeStateStore();
        var first = new NodeMemory(Settings(store, Group("kv")));
        Assert.Equal(Enumerable.Range(0, 4).Select(shard => new HostedShard("kv", shard, 0)), first.State.Hosted);
        first.Change(state => state with { Hosted = [new("kv", 2, 0)] });

        var second = new NodeMemory(Settings(store, Group("kv"), Group("carts")));
        Assert.Equal(new HostedShard("kv", 2, 0), second.State.Hosted[0]);
        Assert.Equal(4, second.State.Hosted.Count(hosted => hosted.Group == "carts"));
    }

    [Fact]
    public void A_founder_that_joins_again_with_an_empty_disk_founds_nothing()
    {
        var store = new MemoryNodeStateStore();
        ReplicationSettings settings = Settings(store, Group("kv"));
        store.Save(new NodeState { Founders = settings.FoundingNodes, Nodes = settings.Nodes }.Encode());
        NodeState joined = new NodeMemory(settings).State;
        Assert.Empty(joined.Hosted);
        Assert.NotEqual(Guid.Empty, joined.Disk);
        Assert.Empty(new NodeMemory(settings).State.Hosted);
    }

    [Fact]
    public async Task What_two_change_at_once_is_changed_by_both_and_stored_one_after_the_other()
    {
        const int Changes = 500;
        var store = new OneAtATimeStore();
        var memory = new NodeMemory(Settings(store, Group("kv")));
        using var together = new Barrier(2);
        await Task.WhenAll(
            Task.Run(() => Repeat(state => state with { LastGeneration = state.LastGeneration + 1 })),
            Task.Run(() => Repeat(state => state with { Control = BitConverter.GetBytes(state.Control.IsEmpty ? 1 : BitConverter.ToInt32(state.Control.Span) + 1) })));
        Assert.Equal((Changes, Changes), (memory.State.LastGeneration, BitConverter.ToInt32(memory.State.Control.Span)));
        Assert.False(store.WasUsedByTwo, "a state is stored while another is");

        void Repeat(Func<NodeState, NodeState> change)
        {
            for (int i = 0; i < Changes; i++)
            {
                together.SignalAndWait();
                memory.Change(change);
            }
        }
    }

    private sealed class OneAtATimeStore : INodeStateStore
    {
        private int _users;

        public bool WasUsedByTwo { get; private set; }

        public ReadOnlyMemory<byte>? Load() => null;

        public void Save(ReadOnlyMemory<byte> bytes)
        {
            WasUsedByTwo |= Interlocked.Increment(ref _users) > 1;
            Thread.Yield();
            Interlocked.Decrement(ref _users);
        }
    }

    private static ReplicationSettings Settings(INodeStateStore store, params GroupDefinition[] groups) =>
        new() { Cluster = "test", Self = new(1), Nodes = Infos, Groups = groups, NodeState = store };

    private static GroupDefinition Group(string name) => new() { Name = name, Protocol = new RaftFactory(), Machine = () => new KeyValueMachine(), Shards = 4 };
}
