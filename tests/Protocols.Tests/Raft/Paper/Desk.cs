using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>One replica in the situations that the paper's sentences start from.</summary>
internal static class Desk
{
    public static readonly long MinTimeout = RaftOptions.Default.ElectionMinMicros;
    public static readonly long MaxTimeout = RaftOptions.Default.ElectionMaxMicros;

    public static RaftNode Follower(long term = 0, params long[] log) => new RaftNode(1, 3, recovered: Given.Log(term, log)).Start();

    /// <summary>It has asked for votes in the term after the given one, and has its own.</summary>
    public static RaftNode Candidate(long term = 0, params long[] log)
    {
        RaftNode node = Follower(term, log);
        node.Pass(MaxTimeout);
        node.Receive(2, new VoteReply(term + 1, granted: true, pre: true));
        Assert.Equal("candidate", node.Status.Role);
        node.Sent.Clear();
        return node;
    }

    /// <summary>Elected by a bare majority; what it sent is still there to be looked at.</summary>
    public static RaftNode Leader(int of = 3, long term = 0, params long[] log) =>
        new RaftNode(1, of, recovered: Given.Log(term, log)).Start().Elect([.. Enumerable.Range(2, of / 2)]);

    /// <summary>A leader of three whose followers have all it has.</summary>
    public static RaftNode LeaderInStep()
    {
        RaftNode leader = Leader();
        leader.Acknowledge(2, 1);
        leader.Acknowledge(3, 1);
        leader.Sent.Clear();
        return leader;
    }

    public static IEnumerable<ReplicaId> Ids(params int[] ids) => ids.Select(id => new ReplicaId(id));

    public static Membership Voters(params int[] ids) => new(Ids(ids));

    public static EntryBatch Entry(long index, long term, RaftConfiguration configuration) =>
        EntryBatch.Pack(EntryKind.Configuration, index, term, 0, [configuration.Encode()]);

    /// <summary>The configurations in a replica's log, in order.</summary>
    public static List<string> Configurations(RaftNode node)
    {
        var found = new List<string>();
        foreach (EntryBatch batch in node.Recover().Log.Where(batch => batch.Kind == EntryKind.Configuration))
        {
            foreach (ReadOnlyMemory<byte> payload in batch)
                found.Add(RaftConfiguration.Decode(payload).ToString());
        }

        return found;
    }
}
