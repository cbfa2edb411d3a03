using System.Runtime.InteropServices;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>A hint that an owner keeps, and a deletion that the owner hears of while it keeps it.</summary>
public class KeptHintTests
{
    private static readonly ReplicaId Away = new(3);
    private static readonly byte[] Key = QuorumCluster.Bytes("key");

    private readonly QuorumStore _store = new(QuorumCluster.Quiet);
    private long _index;

    [Fact]
    public void A_value_is_not_delivered_without_its_deletion_nor_when_that_is_forgotten()
    {
        Apply(new StoreUpdate.Ring(new ReplicaId(1), RingView.Found([new(1), new(2), new(3)], QuorumCluster.Quiet)));
        KeyVersions written = Write(KeyVersions.Empty, 1, isDelete: false), deleted = Write(written, 2, isDelete: true);
        Apply(new StoreUpdate.KeepHint(Away, Key, written, 1));
        Assert.Equal([false], Delivered().Select(each => each.Versions.IsDeleted));
        Apply(new StoreUpdate.Merge(Key, deleted));
        Assert.Equal([true], Delivered().Select(each => each.Versions.IsDeleted));
        Apply(new StoreUpdate.Purge(Key, deleted.Set.Clock));
        Assert.Empty(Delivered());
    }

    /// <summary>It is delivered to nobody: who keeps it ends, and has it from its disk again.</summary>
    [Fact]
    public void A_hint_that_was_damaged_in_memory_is_not_delivered()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { HintReplayMicros = 200 * Instant.Millisecond });
        group.World[3].Crash();
        Assert.NotNull(group.Put(1, "key", "value").Reply);
        Assert.True(group.World.RunUntil(() => group.HintBytes(1) > 0, Instant.Second));
        Assert.True(group.World[1].Store.HintsFor(Away).Single().Versions is var versions && MemoryMarshal.TryGetArray(versions.Set.Siblings[0].Value.Bytes, out ArraySegment<byte> bytes) && ++bytes.Array![bytes.Offset] > 0);
        group.World[3].Start();
        Assert.True(group.World.RunUntil(() => group.World[1].DamageFound == 1 && group.World[1].IsUp && group.HintBytes(1) == 0, 10 * Instant.Second), "it is delivered from the disk");
        Assert.Equal(["value"], group.Held(3, "key"));
    }

    private void Apply(StoreUpdate update) => _store.Apply(new AppliedCommand(++_index, 1, update.ToBytes()));

    private (ReadOnlyMemory<byte> Key, KeyVersions Versions)[] Delivered() => KeyList.Decode(_store.Query(new StoreQuery.Hints(Away, 1_000).ToBytes()));

    private static KeyVersions Write(KeyVersions before, long number, bool isDelete) =>
        before.Write(before.Context, new Dot(new VersionSource(new ReplicaId(1), 0), number), new StoredValue(new HybridTime(number, 0), Guid.NewGuid(), isDelete, isDelete ? default : Key));
}
