namespace ActorRepl.Simulation.Quorum;

/// <summary>
/// Writes of which the client was told that nobody knows whether they were done, and nobody tries any more. The next Serial operation settles it:
/// what it does not show is not done, ever. Linearizability would let such a write come to light at any later time (CASSANDRA-12126).
/// </summary>
internal sealed class Doubts
{
    private readonly List<Doubt> _doubts = [];

    public void Begin(string key, string value, long now) => _doubts.Add(new Doubt(key, value, now));

    /// <param name="begun">When the operation began that has now shown this value of the key, or has written it.</param>
    /// <exception cref="QuorumRuleBrokenException">It was settled before that the value was not written.</exception>
    public void Seen(string key, string value, long begun, long now)
    {
        foreach (Doubt doubt in _doubts)
        {
            if (doubt.Key != key)
                continue;
            if (doubt.Value != value && doubt.Begun <= begun)
                doubt.Settled = Math.Min(doubt.Settled, now);
            else if (doubt.Value == value && doubt.Settled < begun)
                throw new QuorumRuleBrokenException("settled", $"{key} shows {value} although its writer was told at {doubt.Begun} us that nobody knows, and an operation after that had not shown it at {doubt.Settled} us");
        }
    }

    private sealed class Doubt(string key, string value, long begun)
    {
        public string Key => key;
        public string Value => value;
        public long Begun => begun;

        /// <summary>When an operation ended that had begun in doubt and did not show it.</summary>
        public long Settled { get; set; } = long.MaxValue;
    }
}
