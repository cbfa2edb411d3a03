using System.Diagnostics;
using System.Text.Json;

namespace ActorRepl.Benchmarks.Failover;

/// <summary>A run's progress line by line, and its result: as text, or as JSON with the progress on standard error.</summary>
internal sealed class Output(bool json)
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };
    private readonly long _started = Stopwatch.GetTimestamp();

    public void Progress(string line) =>
        (json ? Console.Error : Console.Out).WriteLine($"{Stopwatch.GetElapsedTime(_started):mm\\:ss}  {line}");

    public void Result<T>(T result) => Console.WriteLine(json ? JsonSerializer.Serialize(result, Indented) : $"{result}");
}
