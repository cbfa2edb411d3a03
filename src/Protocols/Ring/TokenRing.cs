using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Ring;

/// <summary>A node on a ring, its failure domains, and the tokens it has there.</summary>
public sealed record RingNode(ReplicaId Id, string Region, string Rack, IReadOnlyList<ulong> Tokens);

/// <summary>How many replicas of each key every region has, such as 3 in eu and 2 in us.</summary>
public sealed record RingReplication(IReadOnlyDictionary<string, int> Copies)
{
    /// <summary>The most replicas of a key over all regions.</summary>
    public const int MaxCopies = 63;

    public RingReplication(string region, int copies) : this(new Dictionary<string, int> { [region] = copies })
    {
    }

    public int Total => Copies.Values.Sum();

    /// <exception cref="ArgumentException">No replicas, or too many.</exception>
    public RingReplication Validate()
    {
        if (Copies.Count == 0 || Copies.Values.Any(count => count < 1) || Total > MaxCopies)
            throw new ArgumentException($"replicas per region are {string.Join(", ", Copies.Select(each => $"{each.Key}: {each.Value}"))}; each must be at least 1, all together at most {MaxCopies}");
        return this;
    }
}

/// <summary>Who has a key.</summary>
/// <param name="Owners">Its replicas, those met first first; fewer than asked for where a region has fewer nodes.</param>
/// <param name="StandIns">The other nodes of these regions, in the order in which they keep hints for an owner that is away.</param>
public sealed record PreferenceList(IReadOnlyList<ReplicaId> Owners, IReadOnlyList<ReplicaId> StandIns);

/// <summary>
/// A ring of tokens (Karger et al., STOC 1997; Dynamo's second strategy, SOSP 2007, section 6.2): a key belongs to the nodes met from its token on, going
/// up. Each node has many tokens, so that it takes its share from all others and gives it back to all. Immutable.
/// </summary>
public sealed class TokenRing
{
    public const int MaxNodes = 1_000;
    public const int MaxTokensPerNode = 1_024;

    public static readonly TokenRing Empty = new([]);

    private readonly SortedDictionary<ReplicaId, RingNode> _nodes = [];
    private readonly ulong[] _tokens;
    private readonly RingNode[] _owners;

    /// <exception cref="ArgumentException">A node or a token is there twice, or there are too many.</exception>
    public TokenRing(IEnumerable<RingNode> nodes)
    {
        foreach (RingNode node in nodes)
        {
            if (node.Tokens.Count is < 1 or > MaxTokensPerNode)
                throw new ArgumentException($"{node.Id} has {node.Tokens.Count} tokens; it must be 1 to {MaxTokensPerNode}");
            if (!_nodes.TryAdd(node.Id, node))
                throw new ArgumentException($"{node.Id} is on the ring twice");
        }

        if (_nodes.Count > MaxNodes)
            throw new ArgumentException($"a ring has at most {MaxNodes} nodes; these are {_nodes.Count}");
        (ulong Token, RingNode Node)[] places = [.. _nodes.Values.SelectMany(node => node.Tokens.Select(token => (token, node))).OrderBy(place => place.token)];
        _tokens = [.. places.Select(place => place.Token)];
        _owners = [.. places.Select(place => place.Node)];
        for (int i = 1; i < _tokens.Length; i++)
        {
            if (_tokens[i] == _tokens[i - 1])
                throw new ArgumentException($"token {_tokens[i]:x16} is both {_owners[i - 1].Id}'s and {_owners[i].Id}'s");
        }
    }

    public IReadOnlyCollection<RingNode> Nodes => _nodes.Values;

    /// <summary>Ascending.</summary>
    public IReadOnlyList<ulong> Tokens => _tokens;

    public RingNode? Find(ReplicaId node) => _nodes.GetValueOrDefault(node);

    public TokenRing With(RingNode node) => new(Nodes.Append(node));

    public TokenRing Without(ReplicaId id) => new(Nodes.Where(node => node.Id != id));

    /// <summary>The nodes of one region alone: replicas in it are placed as if there were no other.</summary>
    public TokenRing Region(string region) => new(Nodes.Where(node => node.Region == region));

    /// <summary>Whose tokens these are, one range for each token.</summary>
    public IEnumerable<(TokenRange Range, ReplicaId Node)> Ranges()
    {
        for (int i = 0; i < _tokens.Length; i++)
            yield return (new TokenRange(_tokens[i == 0 ? ^1 : i - 1], _tokens[i]), _owners[i].Id);
    }

    /// <summary>
    /// The replicas of a token: in each region as many nodes as it is to have copies, the first of every rack before a second of any
    /// (Cassandra's NetworkTopologyStrategy).
    /// </summary>
    public PreferenceList PreferencesOf(ulong token, RingReplication replication)
    {
        var chosen = new HashSet<ReplicaId>();
        List<RingNode> walk = Walk(token);
        foreach ((string region, int copies) in replication.Copies)
        {
            List<RingNode> here = walk.FindAll(node => node.Region == region);
            var racks = new HashSet<string>();
            RingNode[] first = [.. here.Where(node => racks.Add(node.Rack)).Take(copies)];
            chosen.UnionWith(first.Select(node => node.Id));
            chosen.UnionWith(here.Except(first).Take(copies - first.Length).Select(node => node.Id));
        }

        return new PreferenceList(
            [.. walk.Where(node => chosen.Contains(node.Id)).Select(node => node.Id)],
            [.. walk.Where(node => !chosen.Contains(node.Id) && replication.Copies.ContainsKey(node.Region)).Select(node => node.Id)]);
    }

    // Every node, in the order in which its first token is met.
    private List<RingNode> Walk(ulong token)
    {
        var met = new List<RingNode>(_nodes.Count);
        var seen = new HashSet<ReplicaId>();
        int start = Array.BinarySearch(_tokens, token);
        start = start < 0 ? ~start : start;
        for (int i = 0; i < _tokens.Length && met.Count < _nodes.Count; i++)
        {
            RingNode node = _owners[(start + i) % _tokens.Length];
            if (seen.Add(node.Id))
                met.Add(node);
        }

        return met;
    }
}
