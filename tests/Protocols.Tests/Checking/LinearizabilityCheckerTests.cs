using System.Diagnostics;
using ActorRepl.Protocols.Checking;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Checking;

public class LinearizabilityCheckerTests
{
    [SharedDataTheory]
    [InlineData("c01-ok.txt", true)]
    [InlineData("c01-bad.txt", false)]
    [InlineData("c10-ok.txt", true)]
    [InlineData("c10-bad.txt", false)]
    [InlineData("c50-ok.txt", true)]
    [InlineData("c50-bad.txt", false)]
    public void Decides_the_recorded_histories(string file, bool linearizable)
    {
        using StreamReader lines = File.OpenText(Path.Combine(SharedData.Folder!, "histories", file));
        IReadOnlyList<RecordedOperation> history = HistoryFile.Parse(lines);
        var watch = Stopwatch.StartNew();
        CheckResult result = LinearizabilityChecker.Check(history);
        Assert.Equal(linearizable ? Linearizability.Linearizable : Linearizability.NotLinearizable, result.Verdict);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"took {watch.Elapsed}");
        if (!linearizable)
            Assert.Contains($"key \"{result.Key}\"", result.Explanation);
    }

    [Theory]
    // One after the other.
    [InlineData(true, "0 put a", "0 ok", "1 get", "1 ok a")]
    [InlineData(false, "0 put a", "0 ok", "1 get", "1 ok ")]
    // A read beside a write may see either; two reads one after the other may not go back.
    [InlineData(true, "0 put a", "1 get", "1 ok ", "0 ok")]
    [InlineData(true, "0 put a", "1 get", "1 ok a", "2 get", "2 ok a", "0 ok")]
    [InlineData(false, "0 put a", "1 get", "1 ok a", "2 get", "2 ok ", "0 ok")]
    // An outcome that stays unknown: done later, done never, but not done twice or undone.
    [InlineData(true, "0 put a", "1 get", "1 ok ", "1 get", "1 ok a")]
    [InlineData(true, "0 put a", "1 get", "1 ok ")]
    [InlineData(false, "0 put a", "1 get", "1 ok a", "1 get", "1 ok ")]
    [InlineData(false, "0 append a", "1 get", "1 ok aa")]
    [InlineData(true, "0 append a", "1 append b", "1 ok", "1 get", "1 ok b", "1 get", "1 ok ba")]
    // A repeat that was applied twice.
    [InlineData(false, "0 append a", "0 ok", "1 get", "1 ok aa")]
    // Compare and set: one of two wins.
    [InlineData(true, "0 cas  a", "1 cas  b", "0 ok true", "1 ok false", "2 get", "2 ok a")]
    [InlineData(false, "0 cas  a", "1 cas  b", "0 ok true", "1 ok true", "2 get", "2 ok a")]
    [InlineData(true, "0 put a", "0 ok", "1 cas a b", "2 get", "2 ok b")]
    [InlineData(false, "0 put a", "0 ok", "1 cas a b", "1 ok false")]
    // Deleting.
    [InlineData(true, "0 put a", "0 ok", "1 delete", "1 ok true", "2 get", "2 ok ")]
    [InlineData(false, "0 put a", "0 ok", "1 delete", "1 ok false")]
    [InlineData(false, "0 put a", "0 ok", "1 delete", "1 ok", "2 get", "2 ok a")]
    public void Decides_small_histories(bool linearizable, params string[] events)
    {
        CheckResult result = LinearizabilityChecker.Check(History(events));
        Assert.True(
            result.Verdict == (linearizable ? Linearizability.Linearizable : Linearizability.NotLinearizable),
            $"{result.Verdict}: {result.Explanation}");
    }

    [Fact]
    public void Says_where_it_got_stuck()
    {
        CheckResult result = LinearizabilityChecker.Check(History("0 put a", "0 ok", "2 append c", "1 get", "1 ok b", "2 ok"));
        Assert.Equal("k", result.Key);
        Assert.Contains("client 1: read \"b\"", result.Explanation);
        Assert.Contains("client 2: append \"c\"", result.Explanation);
    }

    [Fact]
    public void Gives_up_at_its_limit_and_says_so()
    {
        var history = new HistoryRecorder();
        for (int client = 0; client < 24; client++)
            history.Call(client, RecordedAction.Append, "k", $"{client};");
        history.Return(history.Call(99, RecordedAction.Read, "k"), "no such order");
        CheckResult result = LinearizabilityChecker.Check(history.Operations, new CheckerLimits { MaxConfigurations = 10_000 });
        Assert.Equal(Linearizability.Unknown, result.Verdict);
        Assert.Contains("not decided", result.Explanation);
    }

    /// <summary>A register that really is one, with calls that overlap; then one reply of it is changed.</summary>
    [Fact]
    public void Finds_random_histories_linearizable_until_a_read_is_changed()
    {
        for (ulong seed = 1; seed <= 200; seed++)
        {
            var random = new DeterministicRandom(seed);
            List<RecordedOperation> history = Simulate(random);
            CheckResult whole = LinearizabilityChecker.Check(history);
            Assert.True(whole.Verdict == Linearizability.Linearizable, $"seed {seed}: {whole.Explanation}");

            int changed = history.FindLastIndex(operation => operation is { Action: RecordedAction.Read, IsOutcomeUnknown: false });
            history[changed] = history[changed] with { Value = "never written" };
            Assert.True(LinearizabilityChecker.Check(history).Verdict == Linearizability.NotLinearizable, $"seed {seed}");
        }
    }

    [Fact]
    public void Histories_are_written_and_read_back()
    {
        List<RecordedOperation> history = Simulate(new DeterministicRandom(7));
        history.RemoveAll(operation => operation is { Action: RecordedAction.CompareAndSet, Succeeded: not true, IsOutcomeUnknown: false });
        var text = new StringWriter();
        HistoryFile.Write(text, history);
        IReadOnlyList<RecordedOperation> read = HistoryFile.Parse(new StringReader(text.ToString()));
        Assert.Equal(Returned(history), Returned(read));
        Assert.Equal(history.Count, read.Count);
    }

    [Theory]
    [InlineData("{:process x, :type :invoke, :f :get, :key \"k\", :value nil}", "line 1: :process is x")]
    [InlineData("{:process 1, :type :ok, :f :get, :key \"k\", :value nil}", "line 1: process 1 returns without a call")]
    [InlineData("{:process 1, :type :invoke, :f :jump, :key \"k\", :value nil}", "line 1: unknown operation :jump")]
    [InlineData("{:process 1, :type :invoke, :f :get, :key \"k", "line 1: a text is not closed")]
    public void A_line_that_is_no_event_is_named(string line, string expected)
    {
        InvalidDataException problem = Assert.Throws<InvalidDataException>(() => HistoryFile.Parse(new StringReader(line)));
        Assert.StartsWith(expected, problem.Message);
    }

    private static List<(int, RecordedAction, string, string, string)> Returned(IEnumerable<RecordedOperation> history) =>
        [.. history.Where(item => !item.IsOutcomeUnknown).OrderBy(item => item.Client)
            .Select(item => (item.Client, item.Action, item.Key, item.Value, item.Expected))];

    private static List<RecordedOperation> History(params string[] events)
    {
        var history = new HistoryRecorder();
        var open = new Dictionary<int, (int Number, RecordedAction Action)>();
        foreach (string text in events)
        {
            string[] parts = text.Split(' ');
            int client = int.Parse(parts[0]);
            if (parts[1] == "ok")
            {
                (int number, RecordedAction action) = open[client];
                bool isRead = action == RecordedAction.Read;
                history.Return(number, isRead ? parts[2] : null, !isRead && parts.Length > 2 ? bool.Parse(parts[2]) : null);
                continue;
            }

            RecordedAction called = parts[1] switch
            {
                "get" => RecordedAction.Read,
                "put" => RecordedAction.Write,
                "append" => RecordedAction.Append,
                "cas" => RecordedAction.CompareAndSet,
                _ => RecordedAction.Delete,
            };
            string value = called switch
            {
                RecordedAction.Write or RecordedAction.Append => parts[2],
                RecordedAction.CompareAndSet => parts[3],
                _ => "",
            };
            open[client] = (history.Call(client, called, "k", value, called == RecordedAction.CompareAndSet ? parts[2] : ""), called);
        }

        return [.. history.Operations];
    }

    private static List<RecordedOperation> Simulate(DeterministicRandom random)
    {
        var history = new List<RecordedOperation>();
        var values = new Dictionary<string, string>();
        for (int i = 0; i < 120; i++)
        {
            // Takes effect at 10 i; is called up to four places before and returns up to four after.
            string key = "k" + random.Next(3);
            string old = values.GetValueOrDefault(key, "");
            var action = (RecordedAction)(1 + random.Next(5));
            bool unknown = action != RecordedAction.Read && random.Chance(1, 20);
            bool happens = !unknown || random.Chance(1, 2);
            string expected = action == RecordedAction.CompareAndSet && random.Chance(1, 2) ? old : "";
            string value = action == RecordedAction.Read ? old : action == RecordedAction.Delete ? "" : i + ";";
            bool? succeeded = action switch
            {
                RecordedAction.CompareAndSet => expected == old,
                RecordedAction.Delete => old != "",
                _ => null,
            };
            if (happens)
            {
                values[key] = action switch
                {
                    RecordedAction.Write or RecordedAction.Delete => value,
                    RecordedAction.Append => old + value,
                    RecordedAction.CompareAndSet when expected == old => value,
                    _ => old,
                };
            }

            history.Add(new RecordedOperation
            {
                Client = i,
                Action = action,
                Key = key,
                Value = value,
                Expected = expected,
                Succeeded = unknown ? null : succeeded,
                Called = 10 * i - random.Next(40),
                Returned = unknown ? RecordedOperation.Never : 10 * i + random.Next(40),
            });
        }

        return history;
    }
}
