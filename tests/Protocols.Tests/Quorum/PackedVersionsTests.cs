using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>What is seen of versions as they are encoded is what is seen of them decoded.</summary>
public class PackedVersionsTests
{
    private static readonly ReplicaId s_one = new(1), s_two = new(2), s_three = new(3);

    [Fact]
    public void Merging_by_clocks_alone_gives_what_merging_all_gives()
    {
        int replaced = 0, merged = 0;
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed =>
        {
            KeyVersions[] copies = Histories(new DeterministicRandom(seed));
            foreach (KeyVersions one in copies)
            {
                foreach (KeyVersions other in copies)
                {
                    KeyVersions both = one.Merge(other);
                    Assert.Equal(one.IsEmpty || other.IsEmpty ? both.ToBytes() : one.MergeDecoded(other).ToBytes(), both.ToBytes());
                    replaced += ReferenceEquals(both, other) && !ReferenceEquals(one, other) ? 1 : 0;
                    merged += !ReferenceEquals(both, other) && !ReferenceEquals(both, one) ? 1 : 0;
                }
            }
        }).QuickCheckThrowOnFailure();
        Assert.True(replaced > 20 && merged > 20, $"both ways are met: {replaced} in place of another, {merged} beside another");
    }

    [Fact]
    public void Deletions_and_times_are_seen_without_decoding() => Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed =>
    {
        foreach (KeyVersions versions in Histories(new DeterministicRandom(seed)))
        {
            Assert.Equal(versions.Set.Siblings.All(sibling => sibling.Value.IsTombstone), versions.IsDeleted);
            Assert.Equal(versions.Set.Siblings.Select(sibling => sibling.Value.Time).DefaultIfEmpty().Max(), versions.Latest);
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Bytes_that_were_cut_or_changed_are_versions_or_are_refused() => Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed =>
    {
        var random = new DeterministicRandom(seed);
        byte[] bytes = Histories(random)[^1].ToBytes();
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<InvalidDataException>(() => Decode(bytes[..length]));
        bytes[random.Next(bytes.Length)] ^= (byte)(1 << (int)random.Next(8));
        try
        {
            KeyVersions changed = Decode(bytes);
            _ = changed.Set;
        }
        catch (InvalidDataException)
        {
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void One_tree_for_all_peers_has_the_digests_of_a_tree_for_each()
    {
        ReplicaId[] peers = [s_two, s_three];
        var values = new Dictionary<UInt128, UInt128>();
        KeyTrees one = new(2, print => values[print], peers), each = new(2, print => values[print], null);
        var random = new DeterministicRandom(7);
        for (int i = 0; i < 2_000; i++)
        {
            UInt128 print = new(random.NextUInt64() % 64 << 58, 1), value = random.NextUInt64();
            bool isThere = values.TryGetValue(print, out UInt128 before);
            foreach (KeyTrees trees in (KeyTrees[])[one, each])
            {
                if (isThere && i % 5 == 0)
                    trees.Remove(new(print, before), peers);
                else if (isThere)
                    trees.Replace(new(print, before), new(print, value), peers);
                else
                    trees.Add(new(print, value), peers);
            }

            if (isThere && i % 5 == 0)
                values.Remove(print);
            else
                values[print] = value;
        }

        Assert.Equal(one.With(s_two).Tree.Root, each.With(s_two).Tree.Root);
        Assert.Equal(one.With(s_three).ItemsOf(17), each.With(s_three).ItemsOf(17));
        Assert.Equal(values.Count, one.With(s_two).Tree.Count);
        Assert.Equal(UInt128.Zero, one.With(s_one).Tree.Root);
    }

    private static KeyVersions Decode(byte[] bytes)
    {
        var reader = new ByteReader(bytes);
        KeyVersions versions = KeyVersions.Decode(ref reader);
        reader.End();
        return versions;
    }

    // Three copies of a key that write, with and without having read, some of it twice at two of them, and hear of each other now and then.
    private static KeyVersions[] Histories(DeterministicRandom random)
    {
        var copies = new KeyVersions[3];
        Array.Fill(copies, KeyVersions.Empty);
        var all = new List<KeyVersions>();
        for (int i = 1; i <= 24; i++)
        {
            int at = (int)random.Next(3);
            if (random.Chance(1, 3))
            {
                copies[at] = copies[at].MergeDecoded(copies[(int)random.Next(3)]);
                continue;
            }

            byte[] name = new byte[16];
            name[0] = (byte)(1 + random.Next(random.Chance(1, 4) ? 4 : 200));
            name[15] = (byte)(random.Chance(1, 4) ? 0x80 : 0);
            // A coordinator does not do twice what it knows, and what it finishes replaces what it had begun.
            bool hasOther = copies[at].Knows(WriteName.FinalOf(new Guid(name)));
            if (copies[at].Knows(new Guid(name)) || (hasOther && WriteName.IsProvisional(new Guid(name))))
                continue;
            KeyContext context = hasOther || random.Chance(3, 4) ? copies[at].Context : KeyVersions.Empty.Context;
            // One that knows what another copy has, and not by which names.
            if (!hasOther && random.Chance(1, 3) && copies[(int)random.Next(3)] is { IsEmpty: false } read)
                context = read.Context with { Writes = [] };
            var value = new StoredValue(new HybridTime(i, 0), random.Chance(1, 8) ? Guid.Empty : new Guid(name), random.Chance(1, 5), new byte[] { (byte)i });
            copies[at] = copies[at].Write(context, new Dot(new VersionSource(new ReplicaId(at + 1)), i), value);
            all.Add(copies[at]);
        }

        return [.. all.TakeLast(6), .. copies.Where(copy => !copy.IsEmpty)];
    }
}
