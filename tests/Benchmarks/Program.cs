using System.CommandLine;
using System.Diagnostics;
using System.Text;
using ActorRepl.Benchmarks;

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

return new RootCommand("Benchmarks of ActorRepl and its peers.") { etcd }.Parse(args).Invoke();
