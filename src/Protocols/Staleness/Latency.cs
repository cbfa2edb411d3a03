using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Staleness;

/// <summary>How long one kind of message takes, in ms, as something that can be drawn from.</summary>
public abstract record Latency
{
    /// <summary>One message's time, ms.</summary>
    public abstract double Draw(DeterministicRandom random);

    /// <summary>Every message takes this.</summary>
    public sealed record Constant(double Millis) : Latency
    {
        public override double Draw(DeterministicRandom random) => Millis;
    }

    public sealed record Uniform(double Least, double Most) : Latency
    {
        public override double Draw(DeterministicRandom random) => Least + (Most - Least) * Unit(random);
    }

    /// <summary>Mean 1 / <paramref name="Rate"/> ms.</summary>
    public sealed record Exponential(double Rate) : Latency
    {
        public override double Draw(DeterministicRandom random) => -Math.Log(Unit(random)) / Rate;
    }

    /// <summary>At least <paramref name="Least"/> ms, with a tail the heavier, the lower <paramref name="Shape"/> is.</summary>
    public sealed record Pareto(double Least, double Shape) : Latency
    {
        public override double Draw(DeterministicRandom random) => Least / Math.Pow(Unit(random), 1 / Shape);
    }

    /// <summary>Times that were measured, each as likely as any other.</summary>
    public sealed record Measured(IReadOnlyList<double> Millis) : Latency
    {
        public override double Draw(DeterministicRandom random) => Millis[(int)random.Next(Millis.Count)];
    }

    /// <summary>One of several, each with its share of all messages; the shares add up to 1.</summary>
    public sealed record Mixture(IReadOnlyList<(double Share, Latency Part)> Parts) : Latency
    {
        public override double Draw(DeterministicRandom random)
        {
            double point = Unit(random);
            foreach ((double share, Latency part) in Parts)
            {
                if (point <= share)
                    return part.Draw(random);
                point -= share;
            }

            return Parts[^1].Part.Draw(random);
        }
    }

    // Above 0, at most 1: a logarithm of it is finite.
    private protected static double Unit(DeterministicRandom random) => ((random.NextUInt64() >> 11) + 1) * (1.0 / (1UL << 53));
}

/// <summary>
/// One-way latencies of the four messages of a quorum operation (Bailis et al., VLDB 2012, section 4.1): a write on its way to a replica, its
/// acknowledgement, a read's request, and its response.
/// </summary>
public sealed record WarsLatencies(Latency Write, Latency Acknowledgement, Latency Read, Latency Response);
