using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Ring;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Ring;

public class TokenRingTests
{
    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("", 0xf52a15e9a9b5e89bUL)]
    [InlineData("user:1", 0x3290bc1a92ad86c2UL)]
    [InlineData("user:2", 0x78c78a5c53b3ed30UL)]
    public void A_key_keeps_its_token_for_ever(string key, ulong token) => Assert.Equal($"{token:x16}", $"{KeyToken.Of(Encoding.UTF8.GetBytes(key)):x16}");

    [Fact]
    public void A_key_belongs_to_the_nodes_met_from_its_token_on()
    {
        TokenRing ring = new([Node(1, "r1", 100), Node(2, "r2", 200), Node(3, "r3", 300), Node(4, "r4", 400)]);
        var three = new RingReplication("eu", 3);
        Assert.Equal(Ids(2, 3, 4), ring.PreferencesOf(101, three).Owners);
        Assert.Equal(Ids(2, 3, 4), ring.PreferencesOf(200, three).Owners);
        Assert.Equal(Ids(4, 1, 2), ring.PreferencesOf(301, three).Owners);
        Assert.Equal(Ids(1, 2, 3), ring.PreferencesOf(401, three).Owners);
        Assert.Equal(Ids(1), ring.PreferencesOf(101, three).StandIns);
    }

    [Fact]
    public void The_first_node_of_every_rack_comes_before_a_second_of_any()
    {
        TokenRing ring = new([Node(1, "a", 100), Node(2, "a", 200), Node(3, "b", 300), Node(4, "b", 400), Node(5, "c", 500)]);
        Assert.Equal(Ids(1, 3, 5), ring.PreferencesOf(50, new RingReplication("eu", 3)).Owners);
        Assert.Equal(Ids(1, 2, 3, 5), ring.PreferencesOf(50, new RingReplication("eu", 4)).Owners);
        Assert.Equal(Ids(1, 2, 3, 4, 5), ring.PreferencesOf(50, new RingReplication("eu", 9)).Owners);
    }

    [Fact]
    public void Each_region_has_its_own_number_of_replicas()
    {
        TokenRing ring = new([Node(1, "a", 100), Node(2, "b", 200), Node(3, "a", 150, "us"), Node(4, "b", 250, "us"), Node(5, "a", 120, "asia")]);
        var replication = new RingReplication(new Dictionary<string, int> { ["eu"] = 2, ["us"] = 1 });
        PreferenceList list = ring.PreferencesOf(110, replication);
        Assert.Equal(Ids(3, 2, 1), list.Owners);
        Assert.Equal(Ids(4), list.StandIns);
    }

    [Fact]
    public void Replicas_are_in_different_racks_where_there_are_enough() => ForAll(random =>
    {
        TokenRing ring = AnyRing(random);
        int copies = 1 + (int)random.Next(5);
        IReadOnlyList<ReplicaId> owners = ring.PreferencesOf(random.NextUInt64(), new RingReplication("eu", copies)).Owners;
        Assert.Equal(Math.Min(copies, ring.Nodes.Count), owners.Distinct().Count());
        int racks = ring.Nodes.Select(node => node.Rack).Distinct().Count();
        Assert.Equal(Math.Min(owners.Count, racks), owners.Select(id => ring.Find(id)!.Rack).Distinct().Count());
    });

    [Fact]
    public void A_node_that_joins_or_leaves_changes_no_list_but_by_itself() => ForAll(random =>
    {
        TokenRing ring = AnyRing(random);
        var joined = new ReplicaId(99);
        TokenRing with = TokenAllocator.Join(ring, joined, "eu", $"rack {random.Next(5)}", 8);
        var replication = new RingReplication("eu", 1 + (int)random.Next(4));
        for (int i = 0; i < 50; i++)
        {
            ulong token = random.NextUInt64();
            IReadOnlyList<ReplicaId> before = ring.PreferencesOf(token, replication).Owners, after = with.PreferencesOf(token, replication).Owners;
            Assert.Subset(before.Append(joined).ToHashSet(), after.ToHashSet());
            Assert.Equal(before.Except(after).Count(), ring.Nodes.Count < replication.Total ? 0 : after.Count(id => id == joined));
        }
    });

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(12)]
    [InlineData(30)]
    public void Nodes_that_join_one_after_the_other_have_equal_shares(int nodes)
    {
        TokenRing ring = Ring(nodes);
        double[] shares = [.. ring.Ranges().GroupBy(each => each.Node).Select(own => own.Sum(each => Share(each.Range)) * nodes)];
        Assert.InRange(shares.Min(), 0.9, 1);
        Assert.InRange(shares.Max(), 1, 1.1);
    }

    [Fact]
    public void Replicas_of_keys_are_spread_evenly_too()
    {
        TokenRing ring = Ring(10);
        var held = new Dictionary<ReplicaId, int>();
        for (int i = 0; i < 30_000; i++)
        {
            foreach (ReplicaId owner in ring.PreferencesOf(KeyToken.Of(BitConverter.GetBytes(i)), new RingReplication("eu", 3)).Owners)
                held[owner] = held.GetValueOrDefault(owner) + 1;
        }

        Assert.Equal(10, held.Count);
        Assert.InRange(held.Values.Min(), 6_500, 9_000);
        Assert.InRange(held.Values.Max(), 9_000, 12_000);
    }

    [Fact]
    public void What_cannot_be_a_ring_is_refused()
    {
        Assert.Contains("both n1's and n2's", Assert.Throws<ArgumentException>(() => new TokenRing([Node(1, "a", 5), Node(2, "a", 5)])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new TokenRing([Node(1, "a", 5), Node(1, "a", 6)]));
        Assert.Throws<ArgumentException>(() => new TokenRing([new RingNode(new ReplicaId(1), "eu", "a", [])]));
        Assert.Throws<ArgumentException>(() => new RingReplication("eu", 0).Validate());
    }

    internal static TokenRing Ring(int nodes, int tokens = TokenAllocator.DefaultTokens) =>
        Enumerable.Range(1, nodes).Aggregate(TokenRing.Empty, (ring, i) => TokenAllocator.Join(ring, new ReplicaId(i), "eu", $"rack {i}", tokens));

    internal static TokenRing AnyRing(DeterministicRandom random)
    {
        int racks = 1 + (int)random.Next(5);
        return Enumerable.Range(1, 1 + (int)random.Next(8)).Aggregate(TokenRing.Empty, (ring, i) => TokenAllocator.Join(ring, new ReplicaId(i), "eu", $"rack {random.Next(racks)}", 8));
    }

    internal static double Share(TokenRange range) => (double)range.Size / Math.Pow(2, 64);

    private static RingNode Node(int id, string rack, ulong token, string region = "eu") => new(new ReplicaId(id), region, rack, [token]);

    private static ReplicaId[] Ids(params int[] ids) => [.. ids.Select(id => new ReplicaId(id))];
}
