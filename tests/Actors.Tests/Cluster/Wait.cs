using System.Diagnostics;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>Bounded waits on conditions.</summary>
internal static class Wait
{
    public static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    public static async Task UntilAsync(Func<bool> condition, string what, TimeSpan? patience = null) =>
        await UntilAsync(() => Task.FromResult(condition()), what, patience);

    public static async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan? patience = null)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(clock.Elapsed < (patience ?? Long), $"not within {(patience ?? Long).TotalSeconds:0} s: {what}");
            await Task.Delay(5);
        }
    }
}
