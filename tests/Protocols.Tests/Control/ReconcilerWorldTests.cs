using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using Xunit.Abstractions;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Control;

public sealed class ReconcilerWorldTests(ITestOutputHelper output)
{
    private const int Seeds = 60;
    private const int QuietTicks = 40;
    private const int MaxTicks = 1_500;

    [Fact]
    public void Whatever_happened_all_ends_as_it_should_be_and_nothing_committed_is_ever_lost()
    {
        var seen = new SortedDictionary<string, int>();
        int slowest = 0;
        for (ulong seed = 1; seed <= Seeds; seed++)
        {
            try
            {
                slowest = Math.Max(slowest, Run(seed, seen));
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"seed {seed}: {failure.Message}", failure);
            }
        }

        output.WriteLine($"{Seeds} seeds, at most {slowest} ticks to settle: {string.Join(", ", seen.Select(pair => $"{pair.Key} {pair.Value}"))}");
        foreach (string what in (string[])["disk replaced", "node down", "joined", "deleted", "ChangeMembers", "SetMembers", "ReleaseReplica", "Transfer", "SetNodeStatus"])
            Assert.True(seen.GetValueOrDefault(what) >= Seeds, $"'{what}' happened only {seen.GetValueOrDefault(what)} times");
    }

    private static int Run(ulong seed, SortedDictionary<string, int> seen)
    {
        var random = new DeterministicRandom(seed);
        var world = new World(random, nodes: 4 + (int)random.Next(4), shards: 1 + (int)random.Next(8), replicas: 1 + 2 * (int)random.Next(2));
        bool mayFailOver = random.Chance(1, 2);
        for (int tick = 0; tick < 20; tick++)
            world.Tick();
        for (int tick = 0; tick < 300; tick++)
        {
            Disturb(world, random, mayFailOver);
            world.Tick(isController: !mayFailOver || random.Chance(9, 10));
            if (!mayFailOver)
                CheckLimits(world);
        }

        ReplicaId dead = Heal(world, random);
        int ticks = Settle(world);
        CheckLeaders(world, dead);
        foreach ((string what, int times) in world.Seen)
            seen[what] = seen.GetValueOrDefault(what) + times;
        return ticks;
    }

    private static void Disturb(World world, DeterministicRandom random, bool mayFailOver)
    {
        ReplicaId node = world.Nodes[(int)random.Next(world.Nodes.Count)];
        if (random.Chance(1, 10))
            world.SetUp(node, up: !world.IsUp(node) || random.Chance(1, 2));
        if (random.Chance(1, 40) && world.CanLose(node))
            world.ReplaceDisk(node);
        if (mayFailOver && random.Chance(1, 40))
            world.FailOver();
        if (random.Chance(1, 50))
            Ask(world, random, node);
    }

    private static void Ask(World world, DeterministicRandom random, ReplicaId node)
    {
        ControlState state = world.Cluster.State;
        MemberPlan plan = random.Next(4) switch
        {
            0 => MemberRequests.Add(state, "kv", node),
            1 => MemberRequests.Add(state, "kv", node, MemberRole.Learner),
            2 => MemberRequests.Promote(state, "kv", node),
            _ => MemberRequests.Remove(state, "kv", node),
        };
        foreach (ControlCommand.SetMembers command in plan.Commands)
            world.Cluster.Apply(command, world.Now);
    }

    // All come back but for perhaps one, if its loss can be borne and somebody can take its place.
    private static ReplicaId Heal(World world, DeterministicRandom random)
    {
        foreach (ReplicaId node in world.Nodes)
            world.SetUp(node, up: true);
        for (int tick = 0; tick < 60; tick++)
            world.Tick();
        ReplicaId dead = world.Nodes[(int)random.Next(world.Nodes.Count)];
        bool hasSpares = world.Cluster.State.Shards.All(pair => pair.Value.Members.Members.Count < world.Nodes.Count - 1);
        if (!hasSpares || !world.CanLose(dead))
            return ReplicaId.None;
        world.SetUp(dead, up: false);
        return dead;
    }

    private static int Settle(World world)
    {
        int quiet = 0, ticks = 0;
        for (; quiet < QuietTicks; ticks++)
        {
            Assert.True(ticks < MaxTicks, $"not settled after {ticks} ticks: {world.Unfinished()}; last {string.Join(", ", world.LastActions)}");
            world.Tick();
            quiet = world.LastActions.Count == 0 && world.Unfinished() is null ? quiet + 1 : 0;
        }

        return ticks - QuietTicks;
    }

    private static void CheckLimits(World world)
    {
        foreach ((ReplicaId node, int made) in world.ReplicasBeingMade())
            Assert.True(made <= World.Options.MaxMovesPerNode, $"{made} replicas are being made on {node}");
        foreach (ReplicaId node in world.Nodes)
        {
            int transfers = world.LastActions.OfType<ControlAction.Transfer>().Count(transfer => transfer.From == node || transfer.To == node);
            Assert.True(transfers <= World.Options.MaxTransfersPerNode, $"{transfers} transfers concern {node} at once");
        }
    }

    private static void CheckLeaders(World world, ReplicaId dead)
    {
        int Leads(ReplicaId id) => world.Shards.Count(shard => shard.Leader == id);
        foreach (WorldShard shard in world.Shards)
        {
            ControlShard wanted = world.Cluster.State.Shard(shard.Key)!;
            Assert.NotEqual(dead, shard.Leader);
            if (!wanted.PreferredLeader.IsNone)
                Assert.Equal(wanted.PreferredLeader, shard.Leader);
            else
                Assert.All(wanted.Members.Voters, voter => Assert.InRange(Leads(shard.Leader) - Leads(voter), int.MinValue, 1));
        }
    }
}
