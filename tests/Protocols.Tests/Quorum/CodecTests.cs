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
                new Compared(Any.Bytes(random, 20), random.Chance(1, 2)), new Exchange(random.Next(99), [random.NextUInt64()], Any.Bytes(random, 20)), new Exchanged(3, 1, true, Any.Bytes(random, 20), random.Chance(1, 2)),
                new Cover(Parcels(random)), new CoverAck([random.Next(99)], [7, 8]),
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
                new StoreUpdate.Merge(key, versions, random.Chance(1, 2)), new StoreUpdate.KeepHint(new ReplicaId(3), key, versions, 5),
                new StoreUpdate.DropHint(new ReplicaId(3), key, versions.Set.Clock), new StoreUpdate.Purge(key, versions.Set.Clock), new StoreUpdate.Synced(new ReplicaId(1), 8, random.Chance(1, 2)), new StoreUpdate.Rebuild((RebuildReason)random.Next(3)),
                new StoreUpdate.Whole(), new StoreUpdate.Salvage(), new StoreUpdate.Aside(key, versions), new StoreUpdate.Alive(),
            ])
            Assert.Equal(update.ToBytes(), StoreUpdate.Decode(update.ToBytes()).ToBytes());
        foreach (StoreQuery query in (StoreQuery[])
            [
                new StoreQuery.Keys([key, key]), new StoreQuery.Clocks([key, key]), new StoreQuery.Hints(new ReplicaId(1), 9), new StoreQuery.Prints([7, random.NextUInt64()], 3), new StoreQuery.Deleted(5, 4, 6),
                new StoreQuery.Compare(new ReplicaId(1), key), new StoreQuery.Judge(new ReplicaId(1), key), new StoreQuery.Leaf(new ReplicaId(1), 4, 5, UInt128.MaxValue), new StoreQuery.Standing(), new StoreQuery.Uncovered(random.Next(99)),
            ])
            Assert.Equal(query.ToBytes(), StoreQuery.Decode(query.ToBytes()).ToBytes());
        var request = new QuorumRequest(QuorumOperation.Put, key, Any.Bytes(random, 9), versions.Context.ToToken(key), AnyId(random), ConsistencyLevel.EachQuorum, 2);
        Assert.Equal(request.ToBytes(), QuorumRequest.Decode(request.ToBytes()).ToBytes());
        var reply = new QuorumReply(key, [key, Any.Bytes(random, 9)]);
        Assert.Equal(reply.ToBytes(), QuorumReply.Decode(reply.ToBytes()).ToBytes());
        QuorumRequest first = QuorumRequest.Decode((request with { Replace = true, First = true }).ToBytes());
        Assert.True(first is { Replace: true, First: true });
        QuorumRequest[] batch = QuorumBatch.Decode(QuorumBatch.Encode([request, request with { Replace = true }]));
        Assert.Equal([request.ToBytes(), (request with { Replace = true }).ToBytes()], batch.Select(each => each.ToBytes()));
        QuorumPart[] parts = QuorumBatch.DecodeReplies(QuorumBatch.EncodeReplies([new QuorumPart(reply, default), new QuorumPart(null, new Rejection(RejectReason.NotLeader, true, new ReplicaId(7), "why"))]));
        Assert.Equal(reply.ToBytes(), parts[0].Reply!.ToBytes());
        Assert.Equal(new Rejection(RejectReason.NotLeader, true, new ReplicaId(7), "why"), parts[1].Why);
        Assert.Throws<InvalidDataException>(() => QuorumBatch.Decode(QuorumBatch.Encode([])));
        Assert.Throws<InvalidDataException>(() => QuorumBatch.Decode(QuorumBatch.Encode([request, request with { Operation = QuorumOperation.Get }])));
        Assert.Throws<InvalidDataException>(() => QuorumBatch.Decode(new byte[] { 0x51, 1, 0, 0, 0, 200, 0, 0, 0 }));
        byte[] garbage = [9, .. Any.Bytes(random, 40)];
        Assert.Throws<InvalidDataException>(() => QuorumRequest.Decode(garbage));
        Assert.Throws<InvalidDataException>(() => StoreUpdate.Decode(garbage));
    });

    /// <summary>Where each write replaces what its coordinator has, one that is sent again may come after what came after it elsewhere.</summary>
    [Fact]
    public void Two_writes_that_replaced_each_other_by_being_sent_again_leave_the_last_one()
    {
        Guid a = Guid.NewGuid(), b = Guid.NewGuid();
        KeyVersions here = Replacing(Replacing(KeyVersions.Empty, 1, 1, a), 1, 2, b), there = Replacing(Replacing(KeyVersions.Empty, 2, 3, b), 2, 4, a);
        KeyVersions merged = here.Merge(there);
        Assert.Equal(a, Assert.Single(merged.Set.Siblings).Value.Id);
        Assert.True(merged.IsSame(there.Merge(here)));
        Assert.True(merged.IsSame(merged.Merge(here)) && merged.IsSame(there.Merge(merged)));
    }

    /// <summary>A third write, of a coordinator that knew of neither, is not what has replaced them.</summary>
    [Fact]
    public void Two_writes_that_replaced_each_other_leave_the_last_one_beside_a_third()
    {
        Guid a = Guid.NewGuid(), b = Guid.NewGuid(), c = Guid.NewGuid();
        KeyVersions here = Replacing(Replacing(KeyVersions.Empty, 1, 2, a), 1, 4, b), there = Replacing(Replacing(KeyVersions.Empty, 2, 3, b), 2, 5, a);
        KeyVersions third = Replacing(KeyVersions.Empty, 3, 1, c), merged = here.Merge(third).Merge(there);
        Assert.Equal([a, c], merged.Set.Siblings.Select(sibling => sibling.Value.Id));
        foreach (KeyVersions other in (ReadOnlySpan<KeyVersions>)[there.Merge(here.Merge(third)), here.Merge(there).Merge(third), there.Merge(third).Merge(here.Merge(third)), merged.Merge(here), there.Merge(merged)])
            Assert.True(merged.IsSame(other), $"{merged} and {other}");
    }

    /// <summary>Sent again where only the first round of a set was known, and not that it was done.</summary>
    [Fact]
    public void A_set_whose_first_round_is_known_to_be_done_does_not_outlive_its_second()
    {
        Guid id = Guid.Parse("00000000-0000-0000-0000-000000000001"), name = WriteName.ProvisionalOf(id);
        KeyVersions first = Replacing(KeyVersions.Empty, 1, 1, name), again = Replacing(first, 2, 2, id), third = Replacing(KeyVersions.Empty, 3, 3, Guid.NewGuid());
        KeyVersions merged = first.WithFinal(name).Merge(third).Merge(again);
        Assert.Contains(id, merged.Set.Siblings.Select(sibling => sibling.Value.Id));
        Assert.Equal(2, merged.Set.Siblings.Count);
        Assert.True(merged.IsSame(again.Merge(third.Merge(first.WithFinal(name)))));
    }

    /// <summary>
    /// Writes that are sent to any coordinator, again and again, each in place of all that one knows: after all have told each other what they have, all have the same, and
    /// each write is there, or a later one is, or was replaced by one that is there, or by one that was replaced by that, and so on.
    /// </summary>
    [Fact]
    public void A_write_goes_only_for_one_that_has_replaced_it_in_whatever_order_they_are_sent_again() => ForAll(random =>
    {
        Guid[] ids = [.. Enumerable.Range(0, 4).Select(_ => AnyId(random))];
        KeyVersions[] replicas = [.. Enumerable.Repeat(KeyVersions.Empty, 3)];
        var replaced = new HashSet<(Guid Before, Guid After)>();
        var begun = new Dictionary<Guid, HybridTime>();
        for (int time = 1; time <= 12; time++)
        {
            int at = (int)random.Next(3);
            Guid id = ids[random.Next(ids.Length)];
            if (random.Chance(1, 3))
                replicas[at] = replicas[at].Merge(replicas[random.Next(3)]);
            else if (!replicas[at].Knows(id))
            {
                replaced.UnionWith(replicas[at].Set.Siblings.Select(sibling => (sibling.Value.Id, id)));
                replicas[at] = Replacing(replicas[at], at + 1, time, id);
                begun.TryAdd(id, new HybridTime(time, 0));
            }
        }

        for (int round = 0; round < 8; round++)
            replicas = [.. replicas.Select((mine, at) => mine.Merge(replicas[(at + 1) % 3]))];
        Assert.All(replicas, versions => Assert.True(versions.IsSame(replicas[0]), string.Join(" | ", replicas.Select(each => each.ToString()))));
        var accounted = begun.Where(write => write.Value <= replicas[0].Latest).Select(write => write.Key).ToHashSet();
        accounted.UnionWith(replicas[0].Set.Siblings.Select(sibling => sibling.Value.Id));
        for (int count = -1; count != accounted.Count;)
        {
            count = accounted.Count;
            accounted.UnionWith(replaced.Where(pair => accounted.Contains(pair.After)).Select(pair => pair.Before).ToArray());
        }

        Assert.True(accounted.IsSupersetOf(begun.Keys), $"of {begun.Count} writes {accounted.Count} are accounted for: {replicas[0]}");
    });

    private static KeyVersions Replacing(KeyVersions before, int replica, long time, Guid id) => before.Write(
        before.Context, new Dot(new VersionSource(new ReplicaId(replica), 0), time), new StoredValue(new HybridTime(time, 0), id, IsTombstone: false, new byte[] { (byte)time }));

    [Fact]
    public void Versions_of_a_key_merge_alike_in_any_order() => ForAll(random =>
    {
        KeyVersions one = AnyVersions(random, 1), two = AnyVersions(random, 2), three = AnyVersions(random, 3);
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
    private static KeyVersions AnyVersions(DeterministicRandom random, int replica = 1)
    {
        var source = new VersionSource(new ReplicaId(replica));
        KeyVersions versions = KeyVersions.Empty;
        for (int i = 1; i <= (int)random.Next(4); i++)
        {
            KeyContext context = random.Chance(1, 2) ? versions.Context : KeyVersions.Empty.Context;
            versions = versions.Write(context, new Dot(source, i), new StoredValue(new HybridTime(i, 0), random.Chance(1, 3) ? Guid.Empty : AnyId(random), random.Chance(1, 4), Any.Bytes(random, 9)));
        }

        return versions;
    }
}
