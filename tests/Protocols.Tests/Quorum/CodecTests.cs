using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Tests.Kernel;
using ActorRepl.Protocols.Versions;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>What is packed comes back, and what was not packed by us is refused by InvalidDataException and nothing else.</summary>
public class CodecTests
{
    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    [Fact]
    public void Messages_come_back_and_cut_ones_are_refused() => ForAll(random =>
    {
        foreach (QuorumMessage message in (QuorumMessage[])
            [
                new Put(Parcels(random)), new PutAck([random.Next(99), 7]), new Get(Parcels(random)), new GetAnswer(Parcels(random)), new Compare(Any.Bytes(random, 20)),
                new Compared(Any.Bytes(random, 20)), new Exchange(random.Next(99), [random.NextUInt64()], Any.Bytes(random, 20)), new Exchanged(3, 1, true, Any.Bytes(random, 20)),
            ])
        {
            byte[] bytes = message.ToBytes();
            Assert.Equal(bytes, QuorumMessage.Decode(bytes).ToBytes());
            Assert.Throws<InvalidDataException>(() => QuorumMessage.Decode(bytes.AsMemory(..^1)));
        }
    });

    [Fact]
    public void Updates_queries_requests_and_replies_come_back() => ForAll(random =>
    {
        byte[] key = Any.Bytes(random, 8);
        KeyVersions versions = AnyVersions(random);
        foreach (StoreUpdate update in (StoreUpdate[])
            [
                new StoreUpdate.Merge(key, versions, [new ReplicaId(2)], random.Chance(1, 2)), new StoreUpdate.KeepHint(new ReplicaId(3), key, versions, 5),
                new StoreUpdate.DropHint(new ReplicaId(3), key, versions.Set.Clock), new StoreUpdate.Purge(key, versions.Set.Clock), new StoreUpdate.Synced(new ReplicaId(1), 8), new StoreUpdate.Rebuild(),
            ])
            Assert.Equal(update.ToBytes(), StoreUpdate.Decode(update.ToBytes()).ToBytes());
        foreach (StoreQuery query in (StoreQuery[])
            [
                new StoreQuery.Keys([key, key]), new StoreQuery.Hints(new ReplicaId(1), 9), new StoreQuery.Prints([7, random.NextUInt64()], 3), new StoreQuery.Deleted(5, 6),
                new StoreQuery.Compare(new ReplicaId(1), key), new StoreQuery.Judge(new ReplicaId(1), key), new StoreQuery.Leaf(new ReplicaId(1), 4, 5, UInt128.MaxValue), new StoreQuery.Standing(),
            ])
            Assert.Equal(query.ToBytes(), StoreQuery.Decode(query.ToBytes()).ToBytes());
        var request = new QuorumRequest(QuorumOperation.Put, key, Any.Bytes(random, 9), versions.Context.ToToken(key), AnyId(random), Consistency.EachQuorum, 2);
        Assert.Equal(request.ToBytes(), QuorumRequest.Decode(request.ToBytes()).ToBytes());
        var reply = new QuorumReply(key, [key, Any.Bytes(random, 9)]);
        Assert.Equal(reply.ToBytes(), QuorumReply.Decode(reply.ToBytes()).ToBytes());
        byte[] garbage = [9, .. Any.Bytes(random, 40)];
        Assert.Throws<InvalidDataException>(() => QuorumRequest.Decode(garbage));
        Assert.Throws<InvalidDataException>(() => StoreUpdate.Decode(garbage));
    });

    [Fact]
    public void Versions_of_a_key_merge_alike_in_any_order() => ForAll(random =>
    {
        KeyVersions one = AnyVersions(random), two = AnyVersions(random), three = AnyVersions(random);
        Assert.Equal(one.Merge(two).ToBytes(), two.Merge(one).ToBytes());
        Assert.Equal(one.Merge(two).Merge(three).ToBytes(), one.Merge(two.Merge(three)).ToBytes());
        Assert.Same(one, one.Merge(one.Copied()));
    });

    private static Guid AnyId(DeterministicRandom random)
    {
        byte[] id = new byte[16];
        BitConverter.TryWriteBytes(id, random.NextUInt64() | 1);
        return new Guid(id);
    }

    private static Parcel[] Parcels(DeterministicRandom random) =>
        [.. Enumerable.Range(0, (int)random.Next(3)).Select(i => new Parcel(random.Next(1000), new ReplicaId((int)random.Next(3)), Any.Bytes(random, 9), AnyVersions(random)))];

    // Each source's writes are made by one replica, as they are in a group: a whole set each time.
    private static KeyVersions AnyVersions(DeterministicRandom random)
    {
        var source = new VersionSource(new ReplicaId(1 + (int)random.Next(1000)));
        KeyVersions versions = KeyVersions.Empty;
        for (int i = 1; i <= (int)random.Next(4); i++)
        {
            KeyContext context = random.Chance(1, 2) ? versions.Context : KeyVersions.Empty.Context;
            versions = versions.Write(context, new Dot(source, i), new StoredValue(new HybridTime(i, 0), random.Chance(1, 3) ? Guid.Empty : AnyId(random), random.Chance(1, 4), Any.Bytes(random, 9)));
        }

        return versions;
    }
}
