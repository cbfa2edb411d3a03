using ActorRepl.Actors.Crdt;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Crdt;
using Akka.Actor;
using Akka.Cluster;
using Akka.Serialization;

namespace ActorRepl.Actors.Tests.Crdt;

/// <summary>What Akka.DistributedData asks of a value, and what goes over the wire.</summary>
public sealed class ReplicatedCrdtTests : IAsyncLifetime
{
    private static readonly UniqueAddress A = Node(1), B = Node(2), C = Node(3);

    private readonly ActorSystem _system = ActorSystem.Create("crdt", RuntimeConfig.Reference);

    public static TheoryData<string, object, object> Values
    {
        get
        {
            var register = ReplicatedCrdt<Causal<MvRegister>>.Empty.Change(state => state.Mutate(CrdtSource.Of(A), (value, change) => value.Write(change, "x")));
            var map = ReplicatedCrdt<Causal<AddWinsMap>>.Empty.Change(state => state.Mutate(CrdtSource.Of(A), (value, change) => value.Update<CausalCounter>(change, "n", (n, c) => n.Add(c, 3))));
            var removing = ReplicatedCrdt<Causal<RemoveWinsMap>>.Empty.Change(state => state.Mutate(CrdtSource.Of(B), (value, change) => value.Update<OrSet>(change, "s", (s, c) => s.Add(c, "e"))));
            var text = ReplicatedSequence<Text, char>.Empty.Change(value => value.Insert(CrdtSource.Of(A), 0, "héllo")).Change(value => value.Delete(1, 2));
            var list = ReplicatedSequence<CausalList, Datum>.Empty.Change(value => value.Insert(CrdtSource.Of(A), 0, "one", "two"));
            var stock = ReplicatedBoundedCounter.Empty.Increment(A, 9).TryTransfer(A, B, 4)!;
            return new()
            {
                { "mv", register, register.Delta }, { "am", map, map.Delta }, { "rm", removing, removing.Delta },
                { "tx", text, text.Delta }, { "ls", list, list.Delta }, { "bc", stock, stock.Delta },
            };
        }
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _system.Terminate();

    [Theory]
    [MemberData(nameof(Values))]
    public void A_value_and_its_delta_come_back_from_their_bytes(string name, object value, object delta)
    {
        foreach ((object written, string manifest) in new[] { (value, name + "1"), (delta, name + "d1") })
        {
            var serializer = Assert.IsType<ReplicatedCrdtSerializer>(_system.Serialization.FindSerializerFor(written));
            Assert.Equal(manifest, serializer.Manifest(written));
            byte[] bytes = serializer.ToBinary(written);
            object read = serializer.FromBinary(bytes, manifest);
            Assert.IsType(written.GetType(), read);
            Assert.Equal(bytes, serializer.ToBinary(read));
            for (int cut = 0; cut < bytes.Length; cut++)
                Assert.Throws<InvalidDataException>(() => serializer.FromBinary(bytes[..cut], manifest));
        }

        var wrong = Assert.Throws<ArgumentException>(() => ((SerializerWithStringManifest)_system.Serialization.FindSerializerFor(value)).FromBinary([], "zz1"));
        Assert.Contains("zz1", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_values_have_equal_bytes_whoever_was_merged_first()
    {
        var a = ReplicatedBoundedCounter.Empty.Increment(A, 3);
        var b = ReplicatedBoundedCounter.Empty.Increment(B, 5);
        Serializer serializer = _system.Serialization.FindSerializerFor(a);
        Assert.Equal(serializer.ToBinary(a.Merge(b)), serializer.ToBinary(b.Merge(a)));
    }

    [Fact]
    public void A_change_leaves_the_value_it_was_made_of_as_it_was_and_its_delta_brings_it_to_others()
    {
        var before = ReplicatedSequence<Text, char>.Empty.Change(text => text.Insert(CrdtSource.Of(A), 0, "ab"));
        var after = before.ResetDelta().Change(text => text.Insert(CrdtSource.Of(A), 1, "-")).Change(text => text.Delete(0, 1));
        Assert.Equal("ab", Show(before));
        Assert.Equal("-b", Show(after));
        Assert.Equal(2, after.Delta.DeltaSize);
        Assert.Null(after.ResetDelta().Delta);
        Assert.Equal("-b", Show(before.MergeDelta(after.Delta)));
        Assert.Equal("-b", Show(before.MergeDelta(after.Delta).MergeDelta(after.Delta)));
    }

    [Fact]
    public void A_delta_of_a_text_waits_for_what_it_refers_to()
    {
        var typed = ReplicatedSequence<Text, char>.Empty.Change(text => text.Insert(CrdtSource.Of(A), 0, "hello"));
        var answered = typed.ResetDelta().Change(text => text.Insert(CrdtSource.Of(B), 5, ", world"));
        var there = ReplicatedSequence<Text, char>.Empty.MergeDelta(answered.Delta);
        Assert.Equal("", Show(there));
        Assert.Equal("hello, world", Show(there.MergeDelta(typed.Delta)));
        Assert.Equal("hello, world", Show(there.Merge(typed)));
    }

    [Fact]
    public void A_node_that_starts_again_is_another_source()
    {
        Assert.NotEqual(CrdtSource.Of(A), CrdtSource.Of(new UniqueAddress(A.Address, A.Uid + 1)));
        Assert.NotEqual(CrdtSource.Of(A), CrdtSource.Of(B));
        Assert.Equal(CrdtSource.Of(A), CrdtSource.Of(Node(1)));
    }

    [Fact]
    public void A_removed_nodes_rights_are_handed_on_once_whoever_else_still_has_them()
    {
        var before = ReplicatedBoundedCounter.Empty.Increment(A, 10).TryDecrement(A, 3)!.Increment(C, 1);
        Assert.True(before.NeedPruningFrom(A));
        var pruned = before.Prune(A, B);
        Assert.Equal(7, pruned.Rights(B));
        Assert.False(pruned.NeedPruningFrom(A));
        Assert.Equal([B, C], pruned.ModifiedByNodes.OrderBy(node => node.Address.Port));
        var merged = before.PruningCleanup(A).Merge(pruned);
        Assert.Equal((7, 0, 8), (merged.Rights(B), merged.Rights(A), merged.Value));
    }

    private static string Show(ReplicatedSequence<Text, char> text) => text.Read(value => value.ToString());

    private static UniqueAddress Node(int number) => new(new Address("akka.tcp", "crdt", "127.0.0.1", 1000 + number), number);
}
