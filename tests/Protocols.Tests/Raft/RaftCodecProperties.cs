using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;
using ActorRepl.Protocols.Tests.Kernel;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Raft's messages and records on the wire and on disk.</summary>
public class RaftCodecProperties
{
    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    private static RaftMessage AnyMessage(DeterministicRandom random)
    {
        long term = 20 + random.Next(100);
        bool a = random.Chance(1, 2), b = random.Chance(1, 2);
        long x = random.Next(1L << 40), y = random.Next(20), z = random.Next(1000);
        return random.Next(13) switch
        {
            0 => new VoteRequest(term, x, y, a, b),
            1 => new VoteReply(term, a, b),
            2 => new AppendRequest(term, x, y, z, Any.Batches(random, 4, x + 1, y + 1)),
            3 => new AppendReply(term, a, new Standing(a, b ? x + 1 : 0, b), x, y, z),
            4 => new Heartbeat(term, x, y),
            8 => new Quiesce(term, x),
            9 => new Wake(term),
            5 => new HeartbeatReply(term, new Standing(a, b ? x + 1 : 0, b), x, z),
            6 => new CheckpointOffer(term, x, y, toWitness: a),
            7 => new Removed(term, x),
            10 => new ReadIndexRequest(term, x),
            11 => new ReadIndexReply(term, x, z),
            _ => new TimeoutNow(term),
        };
    }

    [Fact]
    public void Every_message_comes_back_as_it_was_sent() => ForAll(random =>
    {
        RaftMessage sent = AnyMessage(random);
        RaftMessage read = RaftMessage.Decode(sent.ToBytes());
        Assert.Equal((sent.GetType(), sent.Kind, sent.Term), (read.GetType(), read.Kind, read.Term));
        Assert.Equal(Fields(sent), Fields(read));
        Assert.Equal(sent.ToBytes(), read.ToBytes());
    });

    [Fact]
    public void A_message_that_ends_early_or_late_is_refused() => ForAll(random =>
    {
        byte[] bytes = AnyMessage(random).ToBytes();
        byte[] cut = bytes[..(int)random.Next(bytes.Length)];
        Assert.Throws<InvalidDataException>(() => RaftMessage.Decode(cut));
        Assert.Throws<InvalidDataException>(() => RaftMessage.Decode((byte[])[.. bytes, 0]));
    });

    [Fact]
    public void Changed_and_random_bytes_are_a_message_or_refused_and_nothing_else() => ForAll(random =>
    {
        byte[] bytes = random.Chance(1, 2) ? AnyMessage(random).ToBytes() : Any.Bytes(random, 80);
        for (int i = 0; i < 3 && bytes.Length > 0; i++)
            bytes[random.Next(bytes.Length)] = (byte)random.NextUInt64();
        if (bytes.Length > 1 && random.Chance(1, 2))
            (bytes[0], bytes[1]) = (RaftMessage.Version, (byte)(1 + random.Next(32)));
        RefusesOrReads(() => RaftMessage.Decode(bytes));
        RefusesOrReads(() => HardState.Decode(bytes));
        RefusesOrReads(() => RaftConfiguration.Decode(bytes));
    });

    [Fact]
    public void Hard_state_and_configuration_come_back_as_they_were_written() => ForAll(random =>
    {
        var hardState = new HardState(random.Next(1L << 40), new ReplicaId((int)random.Next(9)), random.Chance(1, 2), random.Next(1L << 60), random.Chance(1, 2));
        Assert.Equal(hardState, HardState.Decode(hardState.Encode()));
        RaftConfiguration configuration = AnyConfiguration(random);
        RaftConfiguration read = RaftConfiguration.Decode(configuration.Encode());
        Assert.Equal(configuration.Membership, read.Membership);
        Assert.Equal(configuration.OldVoters, read.OldVoters);
        Assert.Equal(configuration.OldWitnesses, read.OldWitnesses);
        Assert.Equal(configuration.Pardons, read.Pardons);
    });

    [Fact]
    public void What_the_first_version_wrote_is_read()
    {
        byte[] hardState = [1, 7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1];
        Assert.Equal(new HardState(7, new ReplicaId(2), NonVoter: true), HardState.Decode(hardState));
        byte[] configuration = [1, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0];
        RaftConfiguration read = RaftConfiguration.Decode(configuration);
        Assert.Equal("n1,n2 learners n4 from n3", read.ToString());
        Assert.Throws<InvalidDataException>(() => RaftConfiguration.Decode((byte[])[9, .. configuration[1..]]));
        Assert.Throws<InvalidDataException>(() => HardState.Decode((byte[])[3, .. hardState[1..]]));
    }

    [Fact]
    public void An_append_whose_entries_do_not_follow_each_other_is_refused()
    {
        EntryBatch[] gap = [Given.Batch(5, 1), Given.Batch(7, 1)];
        EntryBatch[] backwards = [Given.Batch(5, 2), Given.Batch(6, 1)];
        EntryBatch[] future = [Given.Batch(5, 9)];
        foreach (EntryBatch[] batches in (EntryBatch[][])[gap, backwards, future])
            Assert.Throws<InvalidDataException>(() => RaftMessage.Decode(new AppendRequest(3, 4, 1, 0, batches).ToBytes()));
    }

    private static RaftConfiguration AnyConfiguration(DeterministicRandom random)
    {
        Membership first = AnyMembership(random);
        RaftConfiguration one = new(first);
        if (random.Chance(1, 2))
            return one;
        Pardon[] pardons = [.. Enumerable.Range(0, (int)random.Next(3)).Select(_ => new Pardon(new ReplicaId(1 + (int)random.Next(20)), random.Next(long.MaxValue)))];
        return one.Toward(AnyMembership(random), pardons);
    }

    private static Membership AnyMembership(DeterministicRandom random)
    {
        ReplicaId[] ids = [.. Enumerable.Range(1, 20).Where(_ => random.Chance(1, 2)).Select(number => new ReplicaId(number)), new ReplicaId(21)];
        int voters = 1 + (int)random.Next(ids.Length);
        int witnesses = (int)random.Next(Math.Min(voters, ids.Length - voters + 1));
        return new Membership(ids[..voters], ids[(voters + witnesses)..], ids[voters..(voters + witnesses)]);
    }

    private static void RefusesOrReads(Action decode)
    {
        try
        {
            decode();
        }
        catch (InvalidDataException)
        {
            // Refused: that is what bad bytes deserve.
        }
    }

    private static object[] Fields(RaftMessage message) =>
        [.. message.GetType().GetProperties().Where(property => property.PropertyType.IsValueType).OrderBy(property => property.Name, StringComparer.Ordinal).Select(property => property.GetValue(message)!)];
}
