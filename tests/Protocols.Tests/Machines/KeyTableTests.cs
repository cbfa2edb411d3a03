using ActorRepl.Protocols.Machines;

namespace ActorRepl.Protocols.Tests.Machines;

/// <summary>The table beside a dictionary, through growth, garbage, compaction and views that are out meanwhile.</summary>
public sealed class KeyTableTests
{
    /// <summary>So many keys that each partition's are put in order by another thread; lists are right before, meanwhile and after.</summary>
    [Fact]
    public void Keys_are_listed_in_order_while_they_are_being_put_in_order_and_change()
    {
        var random = new Random(7);
        var table = new KeyTable();
        var expected = new SortedSet<int>();
        for (int key = 0; key < 16 * 2 * KeyOrder.OnTheSpot; key++)
        {
            table.Set(Bytes(3 * key), Bytes(key));
            expected.Add(3 * key);
        }

        // Known keys in the order of their bytes, which is not that of the numbers.
        int rounds = 0;
        for (bool isOrdered = false; !isOrdered || rounds < 50; rounds++)
        {
            Assert.True(rounds < 20_000, "the keys come to be in order");
            for (int change = 0; change < 40; change++)
            {
                int key = random.Next(100_000);
                if (random.Next(2) == 0)
                {
                    table.Set(Bytes(key), Bytes(change));
                    expected.Add(key);
                }
                else
                {
                    Assert.Equal(expected.Remove(key), table.Remove(Bytes(key)));
                }
            }

            isOrdered = rounds % 10 == 9 && table.IsOrdered;
            byte[] from = Bytes(random.Next(100_000));
            byte[][] found = [.. table.KeysFrom(from, 20).Take(20)];
            if (rounds % 10 == 0)
                Assert.Equal(expected.Select(Bytes).Where(key => key.AsSpan().SequenceCompareTo(from) >= 0).Order(SortedKeys.Comparer).Take(20), found);
            else
                Assert.All(found.Zip(found.Skip(1)), pair => Assert.True(pair.First.AsSpan().SequenceCompareTo(pair.Second) < 0));
        }

        Assert.Equal(expected.Select(Bytes).Order(SortedKeys.Comparer), table.KeysFrom([], int.MaxValue));
    }

    [Theory]
    [InlineData(1, 50, 20_000, 100)]
    [InlineData(2, 20_000, 60_000, 300)]
    [InlineData(3, 300, 20_000, 20_000)]
    [InlineData(4, 3, 400, 1_000_000)]
    public void A_table_holds_what_a_dictionary_would_and_views_what_was_there(int seed, int keys, int steps, int longest)
    {
        var random = new Random(seed);
        var table = new KeyTable();
        var expected = new Dictionary<int, byte[]>();
        var views = new List<(KeyTable.View View, Dictionary<int, byte[]> Frozen)>();
        for (int step = 0; step < steps; step++)
        {
            int key = random.Next(keys);
            switch (random.Next(100))
            {
                case < 60:
                    // Often of the same length as before, so that it is overwritten in its place.
                    byte[] value = new byte[random.Next(2) == 0 && expected.TryGetValue(key, out byte[]? old) ? old.Length : random.Next(longest)];
                    random.NextBytes(value);
                    table.Set(Bytes(key), value);
                    expected[key] = value;
                    break;
                case < 90:
                    Assert.Equal(expected.Remove(key), table.Remove(Bytes(key)));
                    break;
                case < 98:
                    Assert.Equal(expected.TryGetValue(key, out byte[]? known), table.TryGet(Bytes(key), out ReadOnlySpan<byte> found));
                    Assert.True(found.SequenceEqual(known));
                    break;
                default:
                    if (views.Count < 3 && random.Next(20) == 0)
                        views.Add((table.Freeze(), new Dictionary<int, byte[]>(expected)));
                    else if (views.Count > 0 && random.Next(20) == 0)
                        Release(views, random.Next(views.Count));
                    break;
            }
        }

        while (views.Count > 0)
            Release(views, 0);
        Assert.Equal(expected.Count, table.Count);
        Assert.Equal(expected.Sum(pair => (long)Bytes(pair.Key).Length + pair.Value.Length), table.ContentBytes);
        Check(table.Freeze(), expected);
    }

    [Fact]
    public void Memory_stays_level_while_lengths_change()
    {
        const int keys = 2_000;
        var table = new KeyTable();
        var random = new Random(1);
        byte[] value = new byte[4_000];
        Span<byte> key = stackalloc byte[4];
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 200_000; i++)
        {
            BitConverter.TryWriteBytes(key, random.Next(keys));
            table.Set(key, value.AsSpan(0, 1_000 + random.Next(3_000)));
        }

        // 500 MB were written into a table of 5 MB. Chunks are used again: what is allocated is what is held at a time.
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(allocated, 5 << 20, 64 << 20);
    }

    private static void Release(List<(KeyTable.View View, Dictionary<int, byte[]> Frozen)> views, int at)
    {
        (KeyTable.View view, Dictionary<int, byte[]> frozen) = views[at];
        views.RemoveAt(at);
        Check(view, frozen);
        view.Release();
    }

    private static void Check(KeyTable.View view, Dictionary<int, byte[]> expected)
    {
        int seen = 0;
        foreach ((ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, _) in view.Pairs())
        {
            seen++;
            Assert.True(value.Span.SequenceEqual(expected[KeyOf(key.Span)]));
        }

        Assert.Equal(expected.Count, seen);
    }

    // Keys of several lengths.
    private static byte[] Bytes(int key) => [.. BitConverter.GetBytes(key), .. new byte[key % 11]];

    private static int KeyOf(ReadOnlySpan<byte> bytes) => BitConverter.ToInt32(bytes);
}
