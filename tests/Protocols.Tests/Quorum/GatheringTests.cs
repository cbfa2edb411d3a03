using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Writes that wait for nobody but their coordinator go to the other owners together.</summary>
public class GatheringTests
{
    private const long Gather = 16 * Instant.Millisecond;
    // Longer than a message and a disk take, and far shorter than what is gathered waits.
    private const long Moment = 5 * Instant.Millisecond;

    private static readonly QuorumOptions Gathering = QuorumCluster.Quiet with { GatherMicros = Gather };

    [Fact]
    public void What_the_coordinators_own_copy_is_enough_for_goes_to_each_owner_in_one_message()
    {
        QuorumCluster group = AfterGathering();
        long before = group.World.Messages;
        for (int i = 0; i < 2; i++)
            Assert.NotNull(group.Put(1, $"key{i}", $"{i}", level: ConsistencyLevel.One).Reply);
        Assert.Equal(before, group.World.Messages);
        Assert.Empty(group.Held(2, "key0"));
        group.World.RunFor(2 * Gather);
        Assert.All(Enumerable.Range(0, 2), i => Assert.Equal([$"{i}"], group.Held(2, $"key{i}")));
        Assert.All(Enumerable.Range(0, 2), i => Assert.Equal([$"{i}"], group.Held(3, $"key{i}")));
        // One to each, and one back.
        Assert.Equal(before + 4, group.World.Messages);
        group.World.RunFor(Instant.Second);
        Assert.Equal((before + 4, 0L), (group.World.Messages, group.HintBytes(1)));
    }

    [Fact]
    public void What_others_are_waited_for_goes_past_what_is_gathered()
    {
        QuorumCluster group = AfterGathering();
        Assert.NotNull(group.Put(1, "behind", "a", level: ConsistencyLevel.One).Reply);
        long began = group.World.Time;
        Assert.NotNull(group.Put(1, "level", "b", level: ConsistencyLevel.Quorum).Reply);
        Assert.NotNull(group.PutAt(1, "durable", "c", durableAcks: 2, ConsistencyLevel.One).Reply);
        Assert.InRange(group.World.Time - began, 0, 2 * Moment);
        Assert.Empty(group.Held(2, "behind"));
        group.World.RunFor(2 * Gather);
        Assert.Equal(["a"], group.Held(2, "behind"));
    }

    [Fact]
    public void Nothing_is_gathered_while_an_owner_is_away()
    {
        QuorumCluster group = AfterGathering();
        group.World[3].Crash();
        group.World[1].Tell(new Input.PeerHint(new ReplicaId(3), Up: false));
        Assert.NotNull(group.Put(1, "key", "a", level: ConsistencyLevel.One).Reply);
        group.World.RunFor(Moment);
        Assert.Equal(["a"], group.Held(2, "key"));
        Assert.True(group.World.RunUntil(() => group.HintBytes(1) > 0, 2 * Gathering.TickMicros), "a hint is kept at once");
    }

    [Fact]
    public void An_owner_that_does_not_get_what_was_gathered_gets_a_hint()
    {
        QuorumCluster group = AfterGathering(Gathering with { HintReplayMicros = 200 * Instant.Millisecond });
        group.World.Isolate(3);
        Assert.NotNull(group.Put(1, "key", "a", level: ConsistencyLevel.One).Reply);
        group.World.RunFor(4 * Gathering.HintAfterMicros);
        Assert.Equal(["a"], group.Held(2, "key"));
        Assert.True(group.HintBytes(1) > 0);
        group.World.HealNetwork();
        Assert.True(group.World.RunUntil(() => group.HintBytes(1) == 0, 20 * Instant.Second), "hints drain");
        Assert.Equal(["a"], group.Held(3, "key"));
    }

    [Fact]
    public void What_was_gathered_when_the_coordinator_crashed_is_brought_by_repair()
    {
        QuorumCluster group = AfterGathering(Gathering with { RepairMicros = 500 * Instant.Millisecond });
        Assert.NotNull(group.Put(1, "key", "a", level: ConsistencyLevel.One).Reply);
        group.World[1].Crash();
        group.World.RunFor(Instant.Second);
        Assert.Empty(group.Held(2, "key"));
        group.World[1].Start();
        Assert.True(group.World.RunUntil(() => group.Held(2, "key").Length + group.Held(3, "key").Length == 2, 20 * Instant.Second), "anti-entropy brings it");
    }

    [Fact]
    public void What_is_gathered_goes_once_it_fills_a_message()
    {
        QuorumCluster group = AfterGathering(Gathering with { MaxMessageBytes = 4_000 });
        Assert.NotNull(group.Put(1, "key", new string('x', 4_000), level: ConsistencyLevel.One).Reply);
        group.World.RunFor(Moment);
        Assert.Single(group.Held(2, "key"));
    }

    [Fact]
    public void Clients_that_write_one_after_the_other_need_fewer_messages_a_write()
    {
        (double each, double took) = MessagesAWrite(QuorumCluster.Quiet);
        (double together, double tookTogether) = MessagesAWrite(QuorumCluster.Quiet with { GatherMicros = 5 * Instant.Millisecond });
        Assert.True(together < 0.4 * each && tookTogether < 1.1 * took, $"{together} messages a write in {tookTogether} µs, {each} in {took} µs where nothing is gathered");
    }

    // Messages, and µs of virtual time.
    private static (double Messages, double Micros) MessagesAWrite(QuorumOptions options)
    {
        const int Clients = 16, Writes = 2_000;
        var group = new QuorumCluster(options);
        (long messages, long began, int left, int done) = (group.World.Messages, group.World.Time, Writes, 0);
        for (int client = 0; client < Clients; client++)
            Next(client);
        Assert.True(group.World.RunUntil(() => done == Writes, 60 * Instant.Second), "all is written");
        return ((double)(group.World.Messages - messages) / Writes, (double)(group.World.Time - began) / Writes);

        void Next(int client)
        {
            if (left-- <= 0)
                return;
            var put = new QuorumRequest(QuorumOperation.Put, QuorumCluster.Bytes($"key{client}"), QuorumCluster.Bytes("value"), Level: ConsistencyLevel.One, Replace: true, First: true);
            group.World.Submit(1, put, Instant.Second, outcome =>
            {
                Assert.NotNull(outcome.Reply);
                done++;
                Next(client);
            });
        }
    }

    // So that the next one comes as late as it can.
    private static QuorumCluster AfterGathering(QuorumOptions? options = null)
    {
        var group = new QuorumCluster(options ?? Gathering);
        group.World.RunFor(Gather - group.World[1].Now.Monotonic % Gather + 1);
        return group;
    }
}
