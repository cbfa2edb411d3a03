using System.Diagnostics;
using System.Text;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;
using Xunit.Abstractions;

namespace ActorRepl.Protocols.Tests.Convergence;

/// <summary>What holds up a replica's actor: how long the longest piece of work on a large shard is. CRDT_STORE_KEYS says how large; the figures are printed.</summary>
[Collection(nameof(StoreMemoryTests))]
public class StoreTimeTests(ITestOutputHelper output)
{
    private static readonly VersionSource Source = new(new ReplicaId(1));
    private static readonly ReplicaId Peer = new(2);
    private static readonly int Keys = int.TryParse(Environment.GetEnvironmentVariable("CRDT_STORE_KEYS"), out int given) ? given : 20_000;

    private readonly ConvergentStore _store = new(new ConvergentOptions { MaxChanges = 100, MaxPendingRequests = 100, MaxAnswerBytes = 2 << 20, MaxTagBytes = 1 << 30, MaxValueBytes = 1 << 30 });
    private long _index = 1;

    [Fact]
    public void Comparing_a_large_shard_takes_no_long_piece()
    {
        Begin();
        for (int i = 0; i < Keys; i++)
            Change(new CrdtKey(CrdtType.Counter, $"counter:{i:D8}"), new CrdtOperation.Add(1));
        ReadOnlyMemory<byte> standing = default;
        double first = Timed(() => standing = _store.Query(new StoreQuery.Freeze(Peer, 1).ToBytes())), longest = first, all = first;
        int pieces = 1;
        for (; standing.Span[^1] == 0; pieces++)
        {
            double piece = Timed(() => standing = _store.Query(new StoreQuery.Hash(Peer, 1).ToBytes()));
            (longest, all) = (Math.Max(longest, piece), all + piece);
        }

        Say($"{Keys:N0} counters are frozen ({first:N1} ms) and hashed in {pieces} pieces, of which the longest takes {longest:N1} ms; all", all);
        Assert.Equal(Keys / 4_096 + 1, pieces);
        // What is not ready is not compared, and what was let go of is not made ready.
        _store.Query(new StoreQuery.Freeze(Peer, 2).ToBytes());
        byte[] question = new MerkleAsk(1, 3, 0, [0]).ToBytes();
        Assert.Equal(Keys < 4_096, !_store.Query(new StoreQuery.Compare(Peer, 2, question).ToBytes()).IsEmpty);
        _store.Query(new StoreQuery.Thaw(Peer).ToBytes());
        Assert.True(_store.Query(new StoreQuery.Hash(Peer, 2).ToBytes()).IsEmpty);
    }

    [Fact]
    public void Collecting_costs_what_is_collected()
    {
        Begin();
        var map = new CrdtKey(CrdtType.Map, "map");
        int fields = Keys / 20;
        var random = new DeterministicRandom(1);
        for (int i = 0; i < fields; i++)
            Set(map, i);
        Collect(_store.Vector);
        for (int i = 0; i < fields; i++)
            Set(map, (int)random.Next(fields));
        long last = _store.Vector[Source];
        Say($"of {fields:N0} fields that were written over nothing is collected", Timed(() => Collect(VersionVector.Of([new Dot(Source, last - fields)]))));
        Say("one is", Timed(() => Collect(VersionVector.Of([new Dot(Source, last - fields + 1)]))));
        Say("half of them are", Timed(() => Collect(VersionVector.Of([new Dot(Source, last - fields / 2)]))));
    }

    [Fact]
    public void What_is_too_large_to_be_read_at_once_is_not_put_together_first()
    {
        Begin();
        CrdtKey text = new(CrdtType.Text, "text"), set = new(CrdtType.Set, "set"), map = new(CrdtType.Map, "map");
        for (int i = 0; i < Keys; i += 1_000)
        {
            Change(text, new CrdtOperation.InsertText(i / 2, new string('x', 1_000)));
            int from = i;
            Change(new CrdtUpdate([.. Enumerable.Range(from, 1_000).Select(at => (set, (CrdtOperation)new CrdtOperation.Insert(Name(at))))]));
            Change(new CrdtUpdate([.. Enumerable.Range(from, 1_000).Select(at => (map, (CrdtOperation)new CrdtOperation.Field(Name(at), StoreKind.LwwRegister, new CrdtOperation.Write(new byte[1]))))]));
        }

        foreach (CrdtKey key in (CrdtKey[])[text, set, map])
        {
            Say($"{Keys:N0} of {key} as a whole", Timed(() => Read(new CrdtRead(new CrdtQuery.Whole(key)))));
            Say($"{key} 20 times as a whole", Timed(() => Read(new CrdtRead([.. Enumerable.Repeat(new CrdtQuery.Whole(key), 20)]))));
        }

        foreach (CrdtKey key in (CrdtKey[])[set, map])
        {
            bool isRead = false;
            Say($"a page of 1,000 of {key}", Timed(() => isRead = Read(new CrdtRead(new CrdtQuery.Page(key, Name(Keys / 2), 1_000)))));
            Assert.True(isRead);
            Assert.False(Read(new CrdtRead([.. Enumerable.Repeat(new CrdtQuery.Whole(key), 20)])));
        }
    }

    private static byte[] Name(int at) => Encoding.UTF8.GetBytes($"value {at:D10}");

    /// <summary>False: the answer would be too long.</summary>
    private bool Read(CrdtRead read)
    {
        bool isOk = StoreAnswer.IsOk(_store.Query(new StoreQuery.Read(read.ToBytes()).ToBytes()), out _, out string? why);
        Assert.True(isOk || why!.Contains("ask for a page", StringComparison.Ordinal), why);
        return isOk;
    }

    private void Begin() => Apply(new StoreUpdate.Begin(Source, Anew: false));

    private void Apply(StoreUpdate update) => _store.Apply(new AppliedCommand(++_index, _index, update.ToBytes()));

    private void Change(CrdtKey key, CrdtOperation operation) => Change(new CrdtUpdate(key, operation));

    private void Change(CrdtUpdate update) => Apply(new StoreUpdate.Local(update.ToBytes()));

    private void Set(CrdtKey map, int field) =>
        Change(map, new CrdtOperation.Field(Encoding.UTF8.GetBytes($"f{field}"), StoreKind.LwwRegister, new CrdtOperation.Write(new byte[8])));

    private void Collect(VersionVector stable) => Apply(new StoreUpdate.Stable(stable, VersionVector.Empty));

    private static double Timed(Action work)
    {
        long from = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(from).TotalMilliseconds;
    }

    private void Say(string what, double millis) => output.WriteLine($"{what}: {millis:N1} ms");
}
