using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>A list is a text whose units are any bytes.</summary>
public class CausalListTests
{
    private static readonly VersionSource One = History<GCounter>.Source(0), Two = History<GCounter>.Source(1);

    [Fact]
    public void Two_who_insert_and_delete_end_with_one_list()
    {
        var one = new CausalList();
        one.Insert(One, 0, "milk", "bread", "eggs");
        CausalList two = one.Copy();
        one.Delete(1, 1);
        one.Insert(One, 1, "butter", "salt");
        two.Insert(Two, 3, "tea");
        two.Insert(Two, 2, "jam");

        CausalList merged = Laws.Join(one, two);
        Laws.Same(merged, Laws.Join(two, one));
        Assert.Equal(["milk", "butter", "salt", "jam", "eggs", "tea"], merged.ToArray().Select(item => item.ToString()));
        Laws.Same(merged, CrdtCodec.Decode<CausalList>(CrdtCodec.Encode(merged)));
        Assert.Equal(merged.ToArray(), CrdtCodec.Decode<CausalList>(CrdtCodec.Encode(merged)).ToArray());
    }

    [Fact]
    public void A_delta_carries_what_was_changed_since_the_last_one()
    {
        CausalList one = new(), two = new();
        one.Insert(One, 0, "a", "", "c");
        Assert.True(two.TryMerge(SequenceDelta.Decode<Datum>(one.TakeDelta().Encode())));
        one.Delete(0, 1);
        one.Insert(One, 2, "d");
        Assert.True(two.TryMerge(SequenceDelta.Decode<Datum>(one.TakeDelta().Encode())));
        Assert.True(one.TakeDelta().IsEmpty);
        Assert.Equal(["", "c", "d"], two.ToArray().Select(item => item.ToString()));
        Laws.Same(one, two);
    }

    [Fact]
    public void Edits_on_all_replicas_and_merges_of_any_end_with_one_list() => Laws.ForAll(random =>
    {
        CausalList[] lists = [new(), new(), new()];
        for (int i = 0; i < 40; i++)
        {
            int at = (int)random.Next(3), from = (int)random.Next(3), index = (int)random.Next(lists[at].Length + 1);
            if (random.Next(3) == 0 && at != from)
                lists[at].Merge(lists[from]);
            else if (random.Next(3) == 0)
                lists[at].Delete(index, Math.Min(2, lists[at].Length - index));
            else
                lists[at].Insert(History<GCounter>.Source(at), index, TypeLaws.Any(random), $"{i}");
        }

        CausalList joined = Laws.Join(Laws.Join(lists[0], lists[1]), lists[2]);
        Laws.Same(joined, Laws.Join(lists[2], Laws.Join(lists[1], lists[0])));
        Assert.Equal(joined.ToArray(), CrdtCodec.Decode<CausalList>(CrdtCodec.Encode(joined)).ToArray());
    });
}
