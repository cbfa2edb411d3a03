using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Control;

/// <summary>Who founds a cluster, and who was there before. Node 1 of three asks, with disk 1.</summary>
public sealed class FoundingTests
{
    private static readonly Dictionary<ReplicaId, Guid> Nobody = [];
    private static readonly Dictionary<ReplicaId, Guid> All = new() { [N(1)] = Disk(1), [N(2)] = Disk(2), [N(3)] = Disk(3) };

    [Fact]
    public void A_node_that_founds_alone_asks_nobody()
    {
        var enlist = Assert.IsType<FoundingDecision.Enlist>(Founding.Decide(N(1), Disk(1), [N(1)], Nobody, new Dictionary<ReplicaId, FounderAnswer>()));
        Assert.IsType<FoundingDecision.Found>(Founding.Decide(N(1), Disk(1), [N(1)], enlist.Disks, new Dictionary<ReplicaId, FounderAnswer>()));
    }

    [Fact]
    public void Nobody_founds_before_every_founder_was_heard()
    {
        Assert.Equal([N(2), N(3)], Assert.IsType<FoundingDecision.Wait>(Decide(Nobody)).Silent);
        Assert.Equal([N(3)], Assert.IsType<FoundingDecision.Wait>(Decide(Nobody, (2, Fresh(2)))).Silent);
        Assert.Equal([N(3)], Assert.IsType<FoundingDecision.Wait>(Decide(All, (2, Knows(2)))).Silent);
    }

    [Fact]
    public void All_disks_are_put_on_record_and_it_founds_when_all_others_have_done_so()
    {
        Assert.Equal(All, Assert.IsType<FoundingDecision.Enlist>(Decide(Nobody, (2, Fresh(2)), (3, Knows(3)))).Disks);
        Assert.Equal([N(2)], Assert.IsType<FoundingDecision.Wait>(Decide(All, (2, Fresh(2)), (3, Knows(3)))).Behind);
        Assert.IsType<FoundingDecision.Found>(Decide(All, (2, Knows(2)), (3, Knows(3))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void One_word_of_another_disk_is_enough_and_no_founder_is_waited_for(bool settled)
    {
        var replaced = Assert.IsType<FoundingDecision.Replaced>(Decide(Nobody, (3, new FounderAnswer(Disk(3), settled, Disk(1, 7)))));
        Assert.Equal((N(3), Disk(1, 7)), (replaced.By, replaced.Known));
    }

    [Fact]
    public void Who_has_founded_without_this_disk_goes_on_without_it() =>
        Assert.IsType<FoundingDecision.Replaced>(Decide(Nobody, (2, Fresh(2)), (3, new FounderAnswer(Disk(3), Settled: true, Guid.Empty))));

    [Fact]
    public void One_that_was_not_there_when_the_others_founded_founds_later_with_the_disk_they_know() =>
        Assert.IsType<FoundingDecision.Found>(Decide(All, (2, Knows(2) with { Settled = true }), (3, Knows(3) with { Settled = true })));

    // Nodes start, stop, lose their disks and hear each other in any order, answers may be old. A disk that founds is on
    // record with others; while one of those records is left, no other disk of that node founds.
    [Fact]
    public void A_disk_that_has_founded_is_remembered_for_as_long_as_any_other_founder_remembers()
    {
        int founded = 0, replaced = 0, anew = 0;
        for (int seed = 1; seed <= 1_000; seed++)
        {
            var world = new World(seed, founders: 2 + seed % 3);
            for (int step = 0; step < 400; step++)
                world.Step();
            world.Settle();
            (founded, replaced, anew) = (founded + world.Founded, replaced + world.Replaced, anew + world.FoundedAnew);
        }

        Assert.True(founded > 1_000 && replaced > 1_000 && anew > 50, $"founded {founded}, replaced {replaced}, founded anew {anew}: the histories show too little");
    }

    private static FoundingDecision Decide(Dictionary<ReplicaId, Guid> enlisted, params (int Id, FounderAnswer Answer)[] answers) =>
        Founding.Decide(N(1), Disk(1), [N(1), N(2), N(3)], enlisted, answers.ToDictionary(pair => N(pair.Id), pair => pair.Answer));

    private static FounderAnswer Fresh(int id) => new(Disk(id), Settled: false, Guid.Empty);

    private static FounderAnswer Knows(int id) => new(Disk(id), Settled: false, Disk(1));

    private sealed class World
    {
        private readonly int _seed;
        private readonly Random _random;
        private readonly Node[] _nodes;
        private readonly List<(ReplicaId Node, Guid Disk, (Node Witness, int Directory)[] Witnesses)> _foundings = [];

        public World(int seed, int founders)
        {
            _seed = seed;
            _random = new Random(seed);
            _nodes = [.. Enumerable.Range(1, founders).Select(id => new Node(N(id)))];
        }

        public int Founded => _foundings.Count;

        public int Replaced { get; private set; }

        public int FoundedAnew { get; private set; }

        public void Step()
        {
            Node node = _nodes[_random.Next(_nodes.Length)];
            switch (_random.Next(100))
            {
                case < 60:
                    Ask(node, _nodes[_random.Next(_nodes.Length)]);
                    break;
                case < 96:
                    Look(node);
                    break;
                case < 98:
                    node.Heard.Clear();
                    break;
                default:
                    node.Wipe();
                    break;
            }
        }

        /// <summary>With all up and nothing lost any more, nobody waits for ever.</summary>
        public void Settle()
        {
            for (int round = 0; round < 4; round++)
            {
                foreach (Node node in _nodes)
                {
                    foreach (Node other in _nodes)
                        Ask(node, other);
                    Look(node);
                }
            }

            Assert.True(_nodes.All(node => node.IsSettled), $"seed {_seed}: somebody waits for ever");
        }

        private static void Ask(Node node, Node other)
        {
            if (node != other)
                node.Heard[other.Id] = (new FounderAnswer(other.Disk, other.IsSettled, other.Known.GetValueOrDefault(node.Id)), other.Known);
        }

        private void Look(Node node)
        {
            if (node.IsSettled)
                return;
            ReplicaId[] founders = [.. _nodes.Select(one => one.Id)];
            switch (Founding.Decide(node.Id, node.Disk, founders, node.Known, node.Heard.ToDictionary(pair => pair.Key, pair => pair.Value.Answer)))
            {
                case FoundingDecision.Enlist enlist:
                    node.Known = new(enlist.Disks);
                    break;
                case FoundingDecision.Replaced replaced:
                    Replaced++;
                    node.Known = new(node.Heard[replaced.By].Known);
                    node.Disk = Guid.NewGuid();
                    node.IsSettled = true;
                    break;
                case FoundingDecision.Found:
                    Found(node);
                    break;
            }
        }

        private void Found(Node node)
        {
            foreach ((_, Guid disk, (Node Witness, int Directory)[] witnesses) in _foundings.Where(one => one.Node == node.Id))
            {
                FoundedAnew++;
                Assert.True(Array.TrueForAll(witnesses, one => one.Witness.Directory != one.Directory), $"seed {_seed}: {node.Id} founds again though its disk {disk} is on record");
            }

            node.IsSettled = true;
            _foundings.Add((node.Id, node.Disk, [.. _nodes.Where(other => other != node && other.Known.GetValueOrDefault(node.Id) == node.Disk).Select(other => (other, other.Directory))]));
        }
    }

    private sealed class Node(ReplicaId id)
    {
        public ReplicaId Id => id;

        public Guid Disk { get; set; } = Guid.NewGuid();

        /// <summary>How often the directory was lost.</summary>
        public int Directory { get; private set; }

        public bool IsSettled { get; set; }

        public Dictionary<ReplicaId, Guid> Known { get; set; } = [];

        public Dictionary<ReplicaId, (FounderAnswer Answer, Dictionary<ReplicaId, Guid> Known)> Heard { get; } = [];

        public void Wipe()
        {
            (Disk, Directory, IsSettled, Known) = (Guid.NewGuid(), Directory + 1, false, []);
            Heard.Clear();
        }
    }
}
