using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Figure16;

/// <summary>
/// What makes up a broadcast of votes: the candidate writes its own vote, asks, the others write theirs and answer. The
/// network of one room takes 0.1 to 0.3 ms one way; writes take a memoryless time. Times are in µs.
/// </summary>
/// <param name="MeanWrite">
/// The mean of a write. 4.7 ms gives the paper's broadcast time of 15 ms, for the candidate's own write (the mean), the slowest
/// of four others' (25/12 of it) and the network.
/// </param>
internal sealed record LatencyModel(long MeanWrite = 4_700)
{
    public long OneWay(DeterministicRandom random) => 100 + random.Next(201);

    public long Write(DeterministicRandom random)
    {
        double uniform = (random.Next(1L << 52) + 1) / (double)(1L << 52);
        return (long)(-Math.Log(uniform) * MeanWrite);
    }

    /// <summary>The mean time until every server has answered, over many broadcasts.</summary>
    public double BroadcastMicros(int broadcasts, ulong seed)
    {
        var random = new DeterministicRandom(seed);
        long sum = 0;
        for (int i = 0; i < broadcasts; i++)
            sum += Write(random) + Enumerable.Range(0, 4).Max(_ => OneWay(random) + Write(random) + OneWay(random));
        return sum / (double)broadcasts;
    }
}
