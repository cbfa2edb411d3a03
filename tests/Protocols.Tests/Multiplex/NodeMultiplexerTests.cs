using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Multiplex;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Multiplex;

/// <summary>The multiplexers of two nodes, and a wire between them that the test holds in its hands.</summary>
public class NodeMultiplexerTests
{
    private const long Beat = 100 * Instant.Millisecond;
    private const long Silence = 400 * Instant.Millisecond;
    private static readonly ReplicaId One = new(1), Two = new(2);
    private static readonly ShardKey Shard = new("kv", 7);

    [Fact]
    public void Beats_of_many_shards_leave_as_one_bundle_and_arrive_in_order()
    {
        var pair = new Pair();
        for (int shard = 0; shard < 300; shard++)
            pair.One.Mux.Beat(Two, new ShardKey("kv", shard), new Heartbeat(3, shard, 9));
        pair.One.Mux.Flush();

        Assert.Single(pair.One.Sent);
        pair.Deliver();

        Assert.Equal(Enumerable.Range(0, 300), pair.Two.Delivered.Select(beat => beat.Shard.Shard));
        Assert.All(pair.Two.Delivered, beat => Assert.Equal(beat.Shard.Shard, ((Heartbeat)RaftMessage.Decode(beat.Message)).Commit));
    }

    [Fact]
    public void A_bundle_has_at_most_the_bytes_it_is_allowed_and_nothing_is_left_behind()
    {
        var pair = new Pair(new MultiplexerOptions { MaxBundleBytes = 1024 });
        for (int shard = 0; shard < 300; shard++)
            pair.One.Mux.Beat(Two, new ShardKey(shard % 2 == 0 ? "kv" : "other", shard), new Heartbeat(3, shard, 9));
        pair.One.Mux.Flush();

        Assert.True(pair.One.Sent.Count > 5);
        Assert.All(pair.One.Sent, bundle => Assert.True(bundle.EncodedSize <= 1024 + 16));
        pair.Deliver();
        Assert.Equal(300, pair.Two.Delivered.Count);
    }

    [Fact]
    public void Idle_nodes_tell_each_other_once_a_beat_that_they_are_there()
    {
        var pair = new Pair();
        pair.Run(10 * Beat);
        Assert.Equal((10, 10), (pair.One.SentInAll, pair.Two.SentInAll));
        Assert.Empty(pair.One.Hints);
        Assert.Empty(pair.Two.Hints);
    }

    [Fact]
    public void A_silent_node_is_told_of_once_and_again_when_it_is_heard()
    {
        var pair = new Pair();
        pair.Run(2 * Beat);
        pair.IsCut = true;
        pair.Run(Silence - Beat);
        Assert.Empty(pair.One.Hints);
        pair.Run(10 * Silence);
        Assert.Equal(["n2 silent"], pair.One.Hints);
        pair.IsCut = false;
        pair.Run(2 * Beat);
        Assert.Equal(["n2 silent", "n2 up"], pair.One.Hints);
    }

    [Fact]
    public void A_node_that_stood_still_itself_does_not_take_the_others_for_silent()
    {
        var pair = new Pair();
        pair.Run(2 * Beat);
        pair.Now += 20 * Silence;
        pair.One.Mux.Tick(pair.Now);
        pair.Run(Beat);
        Assert.Empty(pair.One.Hints);
    }

    [Fact]
    public void A_node_that_was_never_heard_is_believed_down_too()
    {
        var pair = new Pair { IsCut = true };
        pair.Run(2 * Silence);
        Assert.Equal(["n2 silent"], pair.One.Hints);
    }

    [Fact]
    public void A_silent_node_whose_connection_ends_is_down_and_not_only_silent()
    {
        var pair = new Pair { IsCut = true };
        pair.Run(2 * Silence);
        pair.One.Mux.Doubt(Two);
        Assert.Equal(["n2 silent", "n2 down"], pair.One.Hints);
    }

    [Fact]
    public void A_node_that_the_transport_doubts_is_down_until_it_is_heard()
    {
        var pair = new Pair();
        pair.Run(2 * Beat);
        pair.One.Mux.Doubt(Two);
        pair.One.Mux.Doubt(Two);
        Assert.Equal(["n2 down"], pair.One.Hints);
        Assert.True(pair.One.Mux.IsBelievedDown(Two));
        pair.Run(Beat);
        Assert.Equal(["n2 down", "n2 up"], pair.One.Hints);
    }

    [Fact]
    public void A_node_that_starts_again_before_anybody_missed_it_was_down_all_the_same()
    {
        var pair = new Pair();
        pair.Run(2 * Beat);
        pair.RestartTwo();
        pair.Run(Beat);
        Assert.Equal(["n2 down", "n2 up"], pair.One.Hints);
    }

    [Fact]
    public void A_stopped_replica_is_told_of_until_the_other_node_has_heard_it_and_so_is_its_return()
    {
        var pair = new Pair();
        pair.One.Mux.Started(Shard);
        pair.Run(Beat);
        pair.IsCut = true;
        pair.One.Mux.Stopped(Shard);
        pair.One.Mux.Flush();
        pair.Run(2 * Beat);
        Assert.Empty(pair.Two.Hints);

        pair.IsCut = false;
        pair.Run(2 * Beat);
        Assert.Equal(["kv/7 on n1 down"], pair.Two.Hints);
        pair.One.Mux.Started(Shard);
        pair.Run(2 * Beat);
        Assert.Equal(["kv/7 on n1 down", "kv/7 on n1 up"], pair.Two.Hints);
        pair.Run(5 * Beat);
        Assert.All(pair.LastSent, bundle => Assert.Empty(bundle.News));
    }

    [Fact]
    public void A_replica_that_starts_is_told_whom_it_cannot_count_on()
    {
        var pair = new Pair();
        pair.One.Mux.Started(Shard);
        pair.One.Mux.Stopped(Shard);
        pair.Run(Beat);
        pair.Two.Hints.Clear();
        pair.Two.Mux.Started(Shard);
        pair.Two.Mux.Started(new ShardKey("kv", 8));
        Assert.Equal(["kv/7 on n1 down"], pair.Two.Hints);

        pair.IsCut = true;
        pair.Run(2 * Silence);
        pair.Two.Hints.Clear();
        pair.Two.Mux.Started(new ShardKey("kv", 9));
        Assert.Equal(["kv/9 on n1 silent"], pair.Two.Hints);
    }

    [Fact]
    public void A_node_that_comes_back_up_is_up_but_for_its_replicas_that_are_stopped()
    {
        var pair = new Pair();
        pair.One.Mux.Started(Shard);
        pair.One.Mux.Stopped(Shard);
        pair.Run(Beat);
        pair.IsCut = true;
        pair.Run(2 * Silence);
        pair.Two.Hints.Clear();
        pair.IsCut = false;
        pair.Run(2 * Beat);
        Assert.Equal(["n1 up", "kv/7 on n1 down"], pair.Two.Hints);
    }

    [Fact]
    public void A_node_that_starts_anew_is_told_again_which_replicas_are_stopped()
    {
        var pair = new Pair();
        pair.One.Mux.Started(Shard);
        pair.One.Mux.Stopped(Shard);
        pair.Run(3 * Beat);
        pair.RestartTwo();
        pair.Run(3 * Beat);
        Assert.Equal(["kv/7 on n1 down"], pair.Two.Hints);
    }

    [Fact]
    public void However_news_and_bundles_are_lost_the_last_state_of_every_replica_arrives()
    {
        for (ulong seed = 1; seed <= 50; seed++)
        {
            var random = new DeterministicRandom(seed);
            var pair = new Pair(new MultiplexerOptions { MaxBundleBytes = 1024 });
            HashSet<int> running = [], started = [];
            for (int i = 0; i < 400; i++)
            {
                int shard = (int)random.Next(120);
                started.Add(shard);
                if (running.Add(shard))
                {
                    pair.One.Mux.Started(new ShardKey("kv", shard));
                }
                else
                {
                    running.Remove(shard);
                    pair.One.Mux.Stopped(new ShardKey("kv", shard));
                }

                pair.IsCut = random.Chance(1, 2);
                if (random.Chance(1, 3))
                    pair.Run(Beat);
                if (random.Chance(1, 100))
                    pair.RestartTwo();
            }

            pair.IsCut = false;
            pair.Run(20 * Beat);
            foreach (int shard in started)
            {
                string? last = pair.Two.Hints.LastOrDefault(hint => hint.StartsWith($"kv/{shard} ", StringComparison.Ordinal) || hint == "n1 up");
                Assert.True(running.Contains(shard) ? last?.EndsWith("up", StringComparison.Ordinal) != false : last?.EndsWith("down", StringComparison.Ordinal) == true, $"seed {seed}, shard {shard}: {last}");
            }
        }
    }

    [Fact]
    public void A_bundle_comes_back_as_it_was_sent_and_changed_bytes_are_refused_or_read()
    {
        for (ulong seed = 1; seed <= 300; seed++)
        {
            var random = new DeterministicRandom(seed);
            var bundle = new NodeBundle(new ReplicaId(1 + (int)random.Next(9)), 1 + random.Next(1 << 30), random.Next(1 << 30), random.Next(100));
            for (long number = 1; number <= random.Next(5); number++)
                bundle.Add(new ReplicaNews(number, AnyShard(random), random.Chance(1, 2)));
            for (long left = random.Next(5); left > 0; left--)
                bundle.Add(new ShardBeat(AnyShard(random), new Heartbeat(random.Next(99), random.Next(99), random.Next(99))));
            byte[] bytes = Encode(bundle);
            NodeBundle read = NodeBundle.Decode(bytes);

            Assert.Equal(bytes, Encode(read));
            Assert.Equal(bundle.News, read.News);
            Assert.Equal(bundle.Beats.Select(beat => beat.Shard), read.Beats.Select(beat => beat.Shard));
            Assert.Throws<InvalidDataException>(() => NodeBundle.Decode(bytes.AsMemory(0, (int)random.Next(bytes.Length))));
            bytes[random.Next(bytes.Length)] ^= (byte)(1 + random.Next(255));
            try
            {
                NodeBundle.Decode(bytes);
            }
            catch (InvalidDataException)
            {
                // One of the two is what changed bytes may come to.
            }
        }
    }

    private static ShardKey AnyShard(DeterministicRandom random) => new(random.Chance(1, 2) ? "kv" : "größer", (int)random.Next(1000));

    private static byte[] Encode(NodeBundle bundle)
    {
        byte[] bytes = new byte[bundle.EncodedSize];
        var writer = new ByteWriter(bytes);
        bundle.Encode(ref writer);
        Assert.Equal(bytes.Length, writer.Position);
        return bytes;
    }

    private sealed class Pair
    {
        private readonly MultiplexerOptions _options;
        private long _incarnations = 10;

        public Pair(MultiplexerOptions? options = null)
        {
            _options = options ?? new MultiplexerOptions();
            One = new Node(NodeMultiplexerTests.One, NodeMultiplexerTests.Two, ++_incarnations, _options, Now);
            Two = new Node(NodeMultiplexerTests.Two, NodeMultiplexerTests.One, ++_incarnations, _options, Now);
        }

        public long Now { get; set; } = 5_000_000;
        public bool IsCut { get; set; }
        public Node One { get; }
        public Node Two { get; private set; }
        public List<NodeBundle> LastSent { get; } = [];

        public void RestartTwo() => Two = new Node(NodeMultiplexerTests.Two, NodeMultiplexerTests.One, ++_incarnations, _options, Now);

        public void Run(long micros)
        {
            for (long end = Now + micros; Now < end;)
            {
                Now += Beat;
                LastSent.Clear();
                One.Mux.Tick(Now);
                Two.Mux.Tick(Now);
                Deliver();
            }
        }

        public void Deliver()
        {
            while (One.Sent.Count + Two.Sent.Count > 0)
            {
                Deliver(One, Two);
                Deliver(Two, One);
            }
        }

        private void Deliver(Node from, Node to)
        {
            NodeBundle[] sent = [.. from.Sent];
            from.Sent.Clear();
            LastSent.AddRange(sent);
            foreach (NodeBundle bundle in sent.Where(_ => !IsCut))
            {
                to.Mux.Receive(NodeBundle.Decode(Encode(bundle)));
                to.Mux.Flush();
            }
        }
    }

    private sealed class Node : IMultiplexerHost
    {
        public Node(ReplicaId self, ReplicaId other, long incarnation, MultiplexerOptions options, long now)
        {
            Mux = new NodeMultiplexer(self, incarnation, options, this, now);
            Mux.Watch(self);
            Mux.Watch(other);
        }

        public NodeMultiplexer Mux { get; }
        public List<NodeBundle> Sent { get; } = [];
        public int SentInAll { get; private set; }
        public List<(ShardKey Shard, ReplicaId From, ReadOnlyMemory<byte> Message)> Delivered { get; } = [];
        public List<string> Hints { get; } = [];

        public void Send(ReplicaId to, NodeBundle bundle)
        {
            SentInAll++;
            Sent.Add(bundle);
        }

        public void Deliver(ShardKey shard, ReplicaId from, ReadOnlyMemory<byte> message) => Delivered.Add((shard, from, message));

        public void Hint(ReplicaId node, bool up, bool onlySilent) => Hints.Add($"{node} {(up ? "up" : onlySilent ? "silent" : "down")}");

        public void Hint(ShardKey shard, ReplicaId node, bool up, bool onlySilent) => Hints.Add($"{shard} on {node} {(up ? "up" : onlySilent ? "silent" : "down")}");
    }
}
