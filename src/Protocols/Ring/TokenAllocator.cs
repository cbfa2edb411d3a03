using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Ring;

/// <summary>
/// Chooses tokens for a node that joins, so that it gets its share of its region and every other gives the same part of its own. Random tokens would
/// need hundreds a node to come as near.
/// </summary>
public static class TokenAllocator
{
    public const int DefaultTokens = 64;

    /// <summary>Tokens are multiples of this: half of their bytes are told, and the ring is still divided finely enough.</summary>
    public const ulong Unit = 1UL << 32;

    /// <summary>The ring with one node more. What it gets depends on the ring and its number alone: everybody who asks is told the same.</summary>
    public static TokenRing Join(TokenRing ring, ReplicaId node, string region, string rack, int tokens = DefaultTokens) =>
        ring.With(new RingNode(node, region, rack, Choose(ring, node, region, tokens)));

    private static List<ulong> Choose(TokenRing ring, ReplicaId node, string region, int count)
    {
        Invariant.That(count is >= 1 and <= TokenRing.MaxTokensPerNode, "the number of tokens a node asks for is in its range");
        var taken = new HashSet<ulong>(ring.Tokens);
        TokenRing neighbours = ring.Region(region);
        var tokens = new List<ulong>(count);
        var shares = new Shares(neighbours, new DeterministicRandom((ulong)node.Value));
        ulong wanted = (ulong)((UInt128.One << 64) / (UInt128)((neighbours.Nodes.Count + 1) * count));
        for (int i = 0; i < count; i++)
        {
            ulong token = (neighbours.Nodes.Count == 0 ? (ulong)i * wanted : shares.TakeFromTheRichest(wanted)) / Unit * Unit;
            // Regions lie on one ring and do not see each other's tokens.
            while (!taken.Add(token))
                token += Unit;
            tokens.Add(token);
        }

        return tokens;
    }

    /// <summary>What each node has, while a new one takes from whoever has most.</summary>
    private sealed class Shares
    {
        private readonly SortedDictionary<ReplicaId, List<TokenRange>> _ranges = [];
        private readonly DeterministicRandom _random;

        public Shares(TokenRing ring, DeterministicRandom random)
        {
            _random = random;
            foreach ((TokenRange range, ReplicaId node) in ring.Ranges())
            {
                if (!_ranges.TryGetValue(node, out List<TokenRange>? own))
                    _ranges[node] = own = [];
                own.Add(range);
            }
        }

        /// <summary>
        /// The lower end of one of the richest node's ranges that is large enough, or nearly all of its largest. Which one is drawn: who follows whom
        /// on the ring would repeat itself otherwise, and replicas lie with those that follow.
        /// </summary>
        public ulong TakeFromTheRichest(ulong wanted)
        {
            List<TokenRange> richest = _ranges.Values.MaxBy(Total)!;
            List<TokenRange> enough = richest.FindAll(range => range.Size > wanted);
            TokenRange chosen = enough.Count > 0 ? enough[(int)_random.Next(enough.Count)] : richest.MaxBy(range => range.Size);
            Invariant.That(chosen.Size > 1, "there is room on the ring");
            ulong token = chosen.After + (ulong)UInt128.Min(wanted, chosen.Size - 1);
            richest.Remove(chosen);
            richest.Add(new TokenRange(token, chosen.UpTo));
            return token;
        }

        private static UInt128 Total(List<TokenRange> ranges) => ranges.Aggregate(UInt128.Zero, (sum, range) => sum + range.Size);
    }
}
