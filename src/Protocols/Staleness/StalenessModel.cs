using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Staleness;

/// <summary>What was asked of the model.</summary>
/// <param name="Replicas">N, of each key.</param>
/// <param name="Read">R, the answers that a read waits for.</param>
/// <param name="Write">W, the acknowledgements that a write waits for.</param>
/// <param name="Trials">Pairs of a write and a read that are drawn.</param>
/// <param name="Seed">The same seed gives the same result.</param>
public sealed record StalenessQuestion(int Replicas, int Read, int Write, int Trials = 200_000, ulong Seed = 1)
{
    public const int MaxReplicas = 63;
    public const int MaxTrials = 10_000_000;

    /// <exception cref="ArgumentException">Such a group cannot be.</exception>
    public StalenessQuestion Validate()
    {
        if (Replicas is < 1 or > MaxReplicas)
            throw new ArgumentException($"n is {Replicas}; it must be 1 to {MaxReplicas}");
        if (Read < 1 || Read > Replicas || Write < 1 || Write > Replicas)
            throw new ArgumentException($"r is {Read} and w is {Write}; each must be 1 to n ({Replicas})");
        if (Trials is < 1 or > MaxTrials)
            throw new ArgumentException($"there are {Trials} trials; it must be 1 to {MaxTrials}");
        return this;
    }
}

/// <summary>
/// How likely a read finds the last write: probabilistically bounded staleness by the WARS model (Bailis, Venkataraman, Franklin, Hellerstein and Stoica,
/// "Probabilistically Bounded Staleness for Practical Partial Quorums", VLDB 2012), drawn by Monte Carlo. As there, every operation goes to all N replicas,
/// nothing fails, and what later repairs replicas is left out: so it is the worst case of a system without failures.
/// </summary>
public sealed class StalenessModel
{
    // Ascending. Of each trial: how long after the write's commit a read has to begin in order to find it.
    private readonly double[] _needed;
    private readonly double[] _reads;
    private readonly double[] _writes;

    private StalenessModel(StalenessQuestion question, double[] needed, double[] reads, double[] writes)
    {
        Question = question;
        (_needed, _reads, _writes) = (needed, reads, writes);
    }

    public StalenessQuestion Question { get; }

    public static StalenessModel Run(StalenessQuestion question, WarsLatencies latencies)
    {
        question.Validate();
        var random = new DeterministicRandom(question.Seed);
        var needed = new double[question.Trials];
        var reads = new double[question.Trials];
        var writes = new double[question.Trials];
        var trial = new Trial(question, latencies, random);
        for (int i = 0; i < question.Trials; i++)
            (needed[i], reads[i], writes[i]) = trial.Draw();
        foreach (double[] list in (double[][])[needed, reads, writes])
            Array.Sort(list);
        return new StalenessModel(question, needed, reads, writes);
    }

    /// <summary>The probability that a read which begins so many ms after a write's commit finds it, or a later one.</summary>
    public double ConsistentAfter(double millis)
    {
        int low = 0, high = _needed.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_needed[middle] <= millis)
                low = middle + 1;
            else
                high = middle;
        }

        return (double)low / _needed.Length;
    }

    /// <summary>How many ms after a write's commit reads find it with this probability, 0 to 1.</summary>
    public double MillisUntil(double probability) => Quantile(_needed, probability);

    /// <summary>What this share of reads needs at most, ms.</summary>
    public double ReadLatency(double share) => Quantile(_reads, share);

    /// <summary>What this share of writes needs at most, ms.</summary>
    public double WriteLatency(double share) => Quantile(_writes, share);

    /// <summary>
    /// The probability that a read finds one of the last <paramref name="versions"/> writes, if each reached W replicas drawn anew and no more (section 3.1): a
    /// bound from below that needs no latencies.
    /// </summary>
    public double WithinVersions(int versions) => 1 - Math.Pow(MissesQuorum(), versions);

    // C(N − W, R) / C(N, R): all R that answer are among those the write has not reached.
    private double MissesQuorum()
    {
        double missed = 1;
        for (int i = 0; i < Question.Read; i++)
            missed *= Math.Max(0, Question.Replicas - Question.Write - i) / (double)(Question.Replicas - i);
        return missed;
    }

    private static double Quantile(double[] sorted, double share) => sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];

    /// <summary>One write and one read that begins when it commits.</summary>
    private sealed class Trial(StalenessQuestion question, WarsLatencies latencies, DeterministicRandom random)
    {
        private readonly double[] _arrives = new double[question.Replicas];
        private readonly double[] _acknowledged = new double[question.Replicas];
        private readonly double[] _asked = new double[question.Replicas];
        private readonly double[] _answered = new double[question.Replicas];
        private readonly int[] _order = new int[question.Replicas];

        public (double Needed, double Read, double Write) Draw()
        {
            for (int i = 0; i < question.Replicas; i++)
            {
                _arrives[i] = latencies.Write.Draw(random);
                _acknowledged[i] = _arrives[i] + latencies.Acknowledgement.Draw(random);
                _asked[i] = latencies.Read.Draw(random);
                _answered[i] = _asked[i] + latencies.Response.Draw(random);
                _order[i] = i;
            }

            Array.Sort(_acknowledged);
            double commit = _acknowledged[question.Write - 1];
            Array.Sort(_answered, _order);
            double needed = double.MaxValue;
            for (int i = 0; i < question.Read; i++)
            {
                int replica = _order[i];
                needed = Math.Min(needed, _arrives[replica] - commit - _asked[replica]);
            }

            return (Math.Max(0, needed), _answered[question.Read - 1], commit);
        }
    }
}
