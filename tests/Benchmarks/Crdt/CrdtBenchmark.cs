using System.CommandLine;
using System.Diagnostics;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Tests.Crdt;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Benchmarks.Crdt;

/// <summary>What the CRDT values cost by themselves: one thread, no node, no disk. Each figure is of the fastest of some rounds, after one that is not counted.</summary>
internal static class CrdtBenchmark
{
    private static readonly VersionSource One = new(new ReplicaId(1)), Two = new(new ReplicaId(2));

    private const string Paper = "automerge-paper.json.gz", Friends = "friendsforever.json.gz";

    private static PNCounter? s_lastDelta;

    public static Command Build()
    {
        var rounds = new Option<int>("--rounds") { Description = "How often each is measured.", DefaultValueFactory = _ => 5 };
        var traces = new Option<string>("--traces") { Description = $"The folder with {Paper} and {Friends}.", Required = true };
        traces.Validators.Add(result =>
        {
            foreach (string missing in new[] { Paper, Friends }.Where(file => !File.Exists(Path.Combine(result.GetValueOrDefault<string>(), file))))
                result.AddError($"--traces is '{result.GetValueOrDefault<string>()}'; there is no {missing} in it");
        });
        var command = new Command("crdt", "The CRDT values alone: counters, sets, maps, and texts that people typed; against-text-crdts runs it beside its peers.") { rounds, traces };
        command.SetAction(parse => Run(parse.GetValue(rounds), parse.GetValue(traces)!));
        return command;
    }

    private static int Run(int rounds, string traces)
    {
        Typed(rounds, EditTrace.Load(Path.Combine(traces, Paper)));
        TypedByTwo(rounds, EditTrace.Load(Path.Combine(traces, Friends)));
        Counters(rounds);
        Sets(rounds);
        return 0;
    }

    private static void Typed(int rounds, EditTrace trace)
    {
        EditTrace.Patch[] patches = [.. trace.Transactions.SelectMany(transaction => transaction.Patches)];
        double replay = Fastest(rounds, () => Replay(patches));
        double deltas = Fastest(rounds, () => ReplayWithDeltas(patches));
        long before = GC.GetTotalMemory(forceFullCollection: true);
        Text text = Replay(patches);
        long memory = GC.GetTotalMemory(forceFullCollection: true) - before;
        Require(text.ToString() == trace.EndContent, "the paper ends as it did");
        byte[] encoded = CrdtCodec.Encode(text);
        double encode = Fastest(rounds, () => CrdtCodec.Encode(text));
        double load = Fastest(rounds, () => CrdtCodec.Decode<Text>(encoded));
        double first = FirstLoad(encoded, trace.EndContent);
        Console.WriteLine($"automerge-paper: {patches.Length} edits in {replay:F1} ms, {deltas:F1} ms with a delta each; {memory / 1e6:F2} MB; {text.RunCount} runs");
        Console.WriteLine($"automerge-paper: encoded {encoded.Length} bytes in {encode:F2} ms, loaded in {load:F2} ms ({first:F2} ms and its text)");
    }

    private static double FirstLoad(byte[] encoded, string expected)
    {
        long started = Stopwatch.GetTimestamp();
        string text = CrdtCodec.Decode<Text>(encoded).ToString();
        double elapsed = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        Require(text == expected, "a loaded text is the one that was encoded");
        return elapsed;
    }

    private static Text Replay(EditTrace.Patch[] patches)
    {
        var text = new Text();
        foreach (EditTrace.Patch patch in patches)
        {
            if (patch.Deleted > 0)
                text.Delete(patch.Position, patch.Deleted);
            if (patch.Inserted.Length > 0)
                text.Insert(One, patch.Position, patch.Inserted);
        }

        return text;
    }

    private static int ReplayWithDeltas(EditTrace.Patch[] patches)
    {
        var text = new Text();
        int bytes = 0;
        foreach (EditTrace.Patch patch in patches)
        {
            text.Delete(patch.Position, patch.Deleted);
            text.Insert(One, patch.Position, patch.Inserted);
            bytes += text.TakeDelta().Encode().Length;
        }

        return bytes;
    }

    private static void TypedByTwo(int rounds, EditTrace trace)
    {
        double merge = Fastest(rounds, () =>
        {
            TwoReplicas replicas = TwoReplicas.Replay(trace);
            Require(replicas.First.ToString() == trace.EndContent && replicas.Second.ToString() == trace.EndContent, "both replicas end with the text");
            return replicas;
        });
        Console.WriteLine($"friendsforever: {trace.Transactions.Count} transactions of two replicas, each merged by the other, in {merge:F1} ms; both end with the text");
    }

    private static void Counters(int rounds)
    {
        const int Updates = 2_000_000;
        double counter = Fastest(rounds, () =>
        {
            var value = new PNCounter();
            // The delta is kept: otherwise the compiler would see that nobody wants it.
            for (int i = 0; i < Updates; i++)
                s_lastDelta = value.Add(One, 1);
            Require(value.Value == Updates, "a counter counts");
            return value;
        });
        Console.WriteLine($"PN-Counter: {Updates / counter / 1e3:F1} million updates a second, each with its delta");
    }

    private static void Sets(int rounds)
    {
        const int Elements = 10_000, Values = 20_000;
        Causal<OrSet> same = SetOf(One, "", Elements), other = SetOf(Two, "", Elements), distinct = SetOf(Two, "x", Elements);
        double equal = FastestAfter(rounds, same.Copy, copy => copy.Merge(same));
        double both = FastestAfter(rounds, same.Copy, copy => copy.Merge(other));
        double apart = FastestAfter(rounds, same.Copy, copy => copy.Merge(distinct));
        Console.WriteLine($"OR-Set: two of {Elements} elements merged in {equal:F2} ms (equal), {both:F2} ms (same elements, added on both), {apart:F2} ms (no element in common)");
        double map = Fastest(rounds, () =>
        {
            var value = new Causal<AddWinsMap>();
            for (int i = 0; i < Values; i++)
            {
                Datum element = $"value {i}";
                value.Mutate(One, (fields, change) => fields.Update<OrSet>(change, $"key {i % 100}", (set, c) => set.Add(c, element)));
            }

            return value;
        });
        Console.WriteLine($"add-wins map of sets: {Values} values added in {map:F1} ms, each with its delta");
    }

    private static Causal<OrSet> SetOf(VersionSource source, string prefix, int count)
    {
        var set = new Causal<OrSet>();
        set.Mutate(source, (elements, change) => elements.Add(change, Enumerable.Range(0, count).Select(number => (Datum)$"{prefix}element {number}")));
        return set;
    }

    private static double Fastest<T>(int rounds, Func<T> measured) => FastestAfter(rounds, () => 0, _ => measured());

    /// <summary>Milliseconds.</summary>
    private static double FastestAfter<T>(int rounds, Func<T> prepare, Action<T> measured)
    {
        double fastest = double.MaxValue;
        for (int round = -1; round < rounds; round++)
        {
            T prepared = prepare();
            GC.Collect();
            long started = Stopwatch.GetTimestamp();
            measured(prepared);
            double elapsed = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            fastest = round < 0 ? fastest : Math.Min(fastest, elapsed);
        }

        return fastest;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
            throw new InvalidOperationException($"not so: {what}");
    }
}
