using System.CommandLine;
using System.Diagnostics;
using System.Text;
using ActorRepl.Benchmarks;
using ActorRepl.Benchmarks.Crdt;
using ActorRepl.Benchmarks.Chain;
using ActorRepl.Benchmarks.Connections;
using ActorRepl.Benchmarks.Failover;
using ActorRepl.Benchmarks.Fuzz;
using ActorRepl.Benchmarks.InProcess;
using ActorRepl.Benchmarks.Lag;

var endpoints = new Option<string>("--endpoints") { Description = "Comma-separated client addresses of the etcd members.", DefaultValueFactory = _ => "http://127.0.0.1:2379" };
var clients = new Option<int>("--clients") { Description = "Callers, each with one request under way.", DefaultValueFactory = _ => 64 };
var operations = new Option<int>("--operations") { Description = "Operations of each kind.", DefaultValueFactory = _ => 100_000 };
var size = new Option<int>("--size") { Description = "Bytes of a value.", DefaultValueFactory = _ => 256 };
var keys = new Option<int>("--keys") { Description = "Keys that are written and read, at random.", DefaultValueFactory = _ => 100_000 };

var etcd = new Command("etcd", "Puts and linearizable gets against an etcd cluster: the peer of redis-benchmark's SET and GET.") { endpoints, clients, operations, size, keys };
etcd.SetAction(async parse =>
{
    EtcdClient[] connections = parse.GetValue(endpoints)!.Split(',').Select(address => new EtcdClient(new Uri(address))).ToArray();
    int callers = parse.GetValue(clients), count = parse.GetValue(operations), keyCount = parse.GetValue(keys);
    byte[] value = Encoding.ASCII.GetBytes(new string('x', parse.GetValue(size)));
    Console.WriteLine($"put: {await MeasureAsync((client, key) => client.PutAsync(key, value))}");
    Console.WriteLine($"get: {await MeasureAsync((client, key) => client.GetAsync(key))}");
    foreach (EtcdClient connection in connections)
        connection.Dispose();
    return 0;

    async Task<Summary> MeasureAsync(Func<EtcdClient, byte[], Task> operation)
    {
        LatencyRecorder[] recorders = Enumerable.Range(0, callers).Select(_ => new LatencyRecorder(count / callers)).ToArray();
        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(recorders.Select((recorder, caller) => Task.Run(() => CallAsync(recorder, caller))));
        return LatencyRecorder.Merge(recorders, Stopwatch.GetElapsedTime(started));

        async Task CallAsync(LatencyRecorder recorder, int caller)
        {
            var random = new Random(caller);
            for (int i = 0; i < count / callers; i++)
            {
                long begin = Stopwatch.GetTimestamp();
                await operation(connections[caller % connections.Length], Encoding.ASCII.GetBytes($"key:{random.Next(keyCount):D12}"));
                recorder.Add(Stopwatch.GetElapsedTime(begin));
            }
        }
    }
});

var callerCounts = new Option<string>("--callers") { Description = "Callers, each with one request under way; comma-separated, one run each.", DefaultValueFactory = _ => "1,64,256" };
var shards = new Option<int>("--shards") { Description = "Shards of the group.", DefaultValueFactory = _ => 1 };
var seconds = new Option<double>("--seconds") { Description = "Seconds of each run.", DefaultValueFactory = _ => 5 };
var warmUp = new Option<double>("--warm-up") { Description = "Seconds before the first run: code is compiled, and the journal has segments to use again.", DefaultValueFactory = _ => 10 };
var reads = new Option<bool>("--reads") { Description = "Linearizable reads instead of writes." };
var data = new Option<string>("--data") { Description = "Where the data is kept meanwhile, on the disk to be measured.", DefaultValueFactory = _ => Path.GetTempPath() };
var basePort = new Option<int>("--base-port") { Description = "Node i listens on this + 200 + i.", DefaultValueFactory = _ => 7900 };
var config = new Option<string?>("--config") { Description = "HOCON that replaces settings of the nodes: the text itself." };

var inProcess = new Command("in-process", "Writes by callers in the leader's process, on three node processes of this machine.") { callerCounts, shards, seconds, warmUp, size, keys, reads, data, basePort, config };
inProcess.SetAction(parse => new InProcessBenchmark(new InProcessOptions(
    [.. parse.GetValue(callerCounts)!.Split(',').Select(int.Parse)], parse.GetValue(shards), parse.GetValue(seconds), parse.GetValue(warmUp), parse.GetValue(size),
    parse.GetValue(keys), parse.GetValue(reads), Path.Combine(Path.GetFullPath(parse.GetValue(data)!), $"actorrepl-benchmark-{Environment.ProcessId}"),
    parse.GetValue(basePort), parse.GetValue(config))).RunAsync());

var id = new Option<int>("--id");
var node = new Command("in-process-node", "One node of the in-process benchmark.") { Hidden = true, Options = { id, shards, data, basePort, config } };
node.SetAction(parse => new NodeRunner(options =>
{
    (options.Node, options.Nodes, options.Cluster) = (parse.GetValue(id), 3, "benchmark");
    (options.Data, options.BasePort, options.Config) = (parse.GetValue(data)!, parse.GetValue(basePort), parse.GetValue(config) ?? "");
    options.AddGroup("kv", group => group.Raft(replicas: 3, shards: parse.GetValue(shards)));
}).RunAsync());

var disk = new Command("disk", "One write and one fdatasync at a time: the least a durable write takes on this disk.") { size, seconds, data };
disk.SetAction(parse => DiskBenchmark.Run(Path.GetFullPath(parse.GetValue(data)!), parse.GetValue(size), parse.GetValue(seconds)));

var writerCounts = new Option<string>("--writers") { Description = "Persistent actors, each with one write under way; comma-separated, one run each.", DefaultValueFactory = _ => "1,64,256" };
var rounds = new Option<int>("--rounds") { Description = "How often the journals take turns.", DefaultValueFactory = _ => 2 };
var journals = new Command("journals", "The journals on SQLite and in segments, in turns: closed loops through the plugin.") { writerCounts, rounds, size, seconds, data };
journals.SetAction(parse => JournalBenchmark.RunAsync([.. parse.GetValue(writerCounts)!.Split(',').Select(int.Parse)], parse.GetValue(rounds),
    parse.GetValue(size), parse.GetValue(seconds), Path.GetFullPath(parse.GetValue(data)!)));

var values = new Option<int>("--values") { Description = "Values that are added to one map.", DefaultValueFactory = _ => 20_000 };
var crdtPort = new Option<int?>("--base-port") { Description = "Where the nodes listen; none: where nobody does." };
var crdtGroup = new Command("crdt-group", "Three node processes of a CRDT group: values into one map, increments, and what two sides have changed while cut off from each other.") { values, keys, rounds, crdtPort };
crdtGroup.SetAction(parse => new CrdtGroupBenchmark(parse.GetValue(values), parse.GetValue(keys), parse.GetValue(rounds), parse.GetValue(crdtPort)).RunAsync());

var counters = new Option<int>("--counters") { Description = "Counters that there are in the end.", DefaultValueFactory = _ => 1_000_000 };
var crdtMemory = new Command("crdt-memory", "Three node processes of a CRDT group: their memory as small counters become more.") { counters, crdtPort };
crdtMemory.SetAction(parse => new CrdtMemoryBenchmark(parse.GetValue(counters), parse.GetValue(crdtPort)).RunAsync());

var root = new RootCommand("Benchmarks of ActorRepl and its peers.") { etcd, inProcess, node, disk, journals, LagCommand.Build(), CrdtBenchmark.Build(), crdtGroup, crdtMemory, FuzzCommand.Build(), ConnectionsCommand.Build() };
foreach (Command command in FailoverCommands.All.Concat(ChainCommands.All))
    root.Add(command);
// On Ctrl-C a run ends its nodes before it goes.
return root.Parse(args).Invoke(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
