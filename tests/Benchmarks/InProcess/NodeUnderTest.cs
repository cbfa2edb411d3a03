using System.Diagnostics;
using System.Text.Json;

namespace ActorRepl.Benchmarks.InProcess;

/// <summary>A node process as the benchmark sees it: orders in, answers out.</summary>
internal sealed class NodeUnderTest : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly Process _process;

    public NodeUnderTest(int id, IEnumerable<string> arguments)
    {
        Id = id;
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(NodeUnderTest).Assembly.Location);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        // As nodes are started by `actorrepl up`.
        start.Environment.TryAdd("DOTNET_TC_QuickJit", "0");
        start.Environment.TryAdd("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
        start.Environment.TryAdd("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT", $"{Math.Max(1, Environment.ProcessorCount / 2)}");
        _process = Process.Start(start)!;
    }

    public int Id { get; }

    public int Pid => _process.Id;

    public Task<Answer> StateAsync() => AskAsync(new Order("state"));

    public async Task<Answer> AskAsync(Order order)
    {
        await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(order));
        await _process.StandardInput.FlushAsync();
        string line = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience) ?? throw new InvalidOperationException($"node {Id} has ended");
        return JsonSerializer.Deserialize<Answer>(line)!;
    }

    /// <summary>Waits until every replica of the node knows a leader.</summary>
    public async Task ReadyAsync()
    {
        var waited = Stopwatch.StartNew();
        while ((await StateAsync()).Missing is { } missing)
        {
            if (waited.Elapsed > Patience)
                throw new InvalidOperationException($"node {Id} is not ready: {missing}");
            await Task.Delay(100);
        }
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(15)))
            _process.Kill();
        _process.Dispose();
    }
}
