using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

internal sealed class RaftCluster : LogCluster<RaftNode>
{
    private readonly RaftOptions? _options;

    public RaftCluster(int size, RaftOptions? options = null, ulong seed = 1, Func<int, RecoveredState?>? recovered = null)
        : base(size, seed)
    {
        _options = options;
        for (int id = 1; id <= size; id++)
            Put(id, new RaftNode(id, size, options, recovered?.Invoke(id), NextSeed()));
        foreach (RaftNode node in Nodes)
            node.Start();
    }

    /// <summary>The leader of the latest term among those that run.</summary>
    public RaftNode? Leader => Running.Where(node => node.IsLeader).MaxBy(node => node.Status.Term);

    /// <summary>A replica that is not among the first ones starts with an empty disk.</summary>
    public RaftNode Join(int id) => Put(id, new RaftNode(id, Size, _options, seed: NextSeed(), now: Now)).Start();

    /// <summary>A replica of this number joins with an empty disk, in place of the one that had it.</summary>
    public RaftNode Replace(int id) => Put(id, new RaftNode(id, Size, _options, seed: NextSeed(), now: Now, joins: true)).Start();

    /// <summary>Asks the leader for these members and waits for the answer: empty, or why not.</summary>
    public string Change(Membership target, long limit = 10 * Instant.Second)
    {
        RaftNode leader = ElectLeader();
        long id = leader.Change(target, leader.Now + limit);
        Until(() => leader.Replies.ContainsKey(id) || leader.Rejections.ContainsKey(id), limit + Instant.Second);
        return leader.Rejections.TryGetValue(id, out Rejection why) ? why.Detail! : leader.Replies[id];
    }

    public RaftNode ElectLeader()
    {
        Until(() => Leader is { } leader && Running.All(node => node.Status.Leader == leader.Id || !leader.Status.Members!.Members.Contains(node.Id)) && leader.Status.CommitIndex == leader.Status.LastIndex);
        return Leader!;
    }

    protected override RaftNode Anew(RaftNode old, RecoveredState recovered, ulong seed) => new(old.Id.Value, Size, _options, recovered, seed, Now);

    protected override long? TermLedBy(RaftNode node) => node.IsLeader ? node.Status.Term : null;

    /// <summary>State Machine Safety: no two replicas apply different commands at the same index.</summary>
    protected override void OnSettled()
    {
        var chosen = new Dictionary<long, (long, string)>();
        foreach (RaftNode node in Nodes.Where(node => !node.Standing.Hollow))
        {
            long last = 0;
            foreach ((long index, long term, string command) in node.Applied)
            {
                Assert.True(index == last + 1, $"{node.Id} applied {index} after {last}");
                last = index;
                Assert.True(chosen.TryAdd(index, (term, command)) || chosen[index] == (term, command), $"two commands at index {index}");
            }
        }
    }
}
