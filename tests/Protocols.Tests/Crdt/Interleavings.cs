namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>The orders in which what three replicas do can happen.</summary>
internal static class Interleavings
{
    /// <summary>12! / (4!)³ orders, a third of which have the first replica begin.</summary>
    public const int Count = 34_650 / 3;

    /// <summary>Every order of three times four operations, by replica; the first replica begins, which makes no difference where all do the same.</summary>
    public static IEnumerable<int[]> OfThreeTimesFour() => After([0], [3, 4, 4]);

    private static IEnumerable<int[]> After(int[] begun, int[] left)
    {
        if (left.All(count => count == 0))
            yield return begun;
        for (int replica = 0; replica < left.Length; replica++)
        {
            if (left[replica] == 0)
                continue;
            int[] less = [.. left];
            less[replica]--;
            foreach (int[] order in After([.. begun, replica], less))
                yield return order;
        }
    }
}
