using System.Diagnostics;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence;

namespace ActorRepl.Benchmarks;

/// <summary>
/// The journals beside each other: persistent actors that write one event after the other, each in a closed loop, through
/// the plugin.
/// </summary>
internal static class JournalBenchmark
{
    private const string Dispatcher = "journal-benchmark.dispatcher";

    public static async Task<int> RunAsync(IReadOnlyList<int> writers, int rounds, int size, double seconds, string directory)
    {
        foreach (int count in writers)
        {
            for (int round = 0; round < rounds; round++)
            {
                foreach (string journal in (string[])[PersistenceConfig.SqliteJournalId, PersistenceConfig.SegmentJournalId])
                    await MeasureAsync(journal, count, size, seconds, Path.Combine(directory, $"journal-{Environment.ProcessId}"));
            }
        }

        return 0;
    }

    private static async Task MeasureAsync(string journal, int count, int size, double seconds, string directory)
    {
        Directory.CreateDirectory(directory);
        try
        {
            // The dispatcher is as the replicas' own: hocon/actors.conf.
            ActorSystem system = ActorSystem.Create("journals", ConfigurationFactory.ParseString($$"""
                {{Dispatcher}} {
                  type = ForkJoinDispatcher
                  executor = fork-join-executor
                  throughput = 256
                  dedicated-thread-pool { thread-count = 2, threadtype = background }
                }
                akka.loglevel = ERROR
                akka.persistence.max-concurrent-recoveries = 1000
                """).WithFallback(PersistenceConfig.For(directory, Dispatcher)));
            IActorRef[] actors = [.. Enumerable.Range(0, count).Select(i =>
                system.ActorOf(Props.Create(() => new Writer($"w{i}", journal, size)).WithDispatcher(Dispatcher)))];
            await RunAsync(actors, seconds / 2);
            TimeSpan cpu = Process.GetCurrentProcess().TotalProcessorTime;
            long begin = Stopwatch.GetTimestamp();
            LatencyHistogram all = await RunAsync(actors, seconds);
            double elapsed = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            cpu = Process.GetCurrentProcess().TotalProcessorTime - cpu;
            Console.WriteLine($"{journal,-26} {count,4} writers: {all.Count / elapsed,8:F0} a second, p50 {all.Millis(0.5):F3} ms, p99 {all.Millis(0.99):F3} ms, "
                + $"p99.9 {all.Millis(0.999):F3} ms, {cpu.TotalMicroseconds / all.Count:F1} us of CPU a write");
            await system.Terminate();
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<LatencyHistogram> RunAsync(IActorRef[] actors, double seconds)
    {
        var all = new LatencyHistogram();
        var start = new Start(Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency));
        Task<LatencyHistogram>[] done = [.. actors.Select(actor => actor.Ask<LatencyHistogram>(start, TimeSpan.FromMinutes(5)))];
        foreach (Task<LatencyHistogram> one in done)
            all.Add(await one);
        return all;
    }

    private sealed record Start(long Until);

    private sealed class Writer : UntypedPersistentActor
    {
        private const int Kept = 2_000;
        private readonly byte[] _value;
        private readonly Action<WalPayload> _onWritten;
        private LatencyHistogram _latencies = new();
        private IActorRef? _asker;
        private long _until;
        private long _begun;

        public Writer(string id, string journal, int size)
        {
            PersistenceId = id;
            JournalPluginId = journal;
            SnapshotPluginId = PersistenceConfig.SnapshotPluginId;
            _value = new byte[size];
            Random.Shared.NextBytes(_value);
            _onWritten = OnWritten;
        }

        public override string PersistenceId { get; }

        protected override void OnRecover(object message)
        {
        }

        protected override void OnCommand(object message)
        {
            if (message is not Start start)
                return;
            (_asker, _until, _latencies) = (Sender, start.Until, new LatencyHistogram());
            Write();
        }

        private void Write()
        {
            _begun = Stopwatch.GetTimestamp();
            PersistAsync(new WalPayload(_value), _onWritten);
        }

        private void OnWritten(WalPayload written)
        {
            _latencies.Add((long)Stopwatch.GetElapsedTime(_begun).TotalNanoseconds);
            // As a replica does behind its checkpoints.
            if (LastSequenceNr % Kept == 0)
                DeleteMessages(LastSequenceNr - Kept / 2);
            if (Stopwatch.GetTimestamp() < _until)
                Write();
            else
                _asker!.Tell(_latencies, Self);
        }
    }
}
