using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Logs and messages in few words.</summary>
internal static class Given
{
    /// <summary>A replica that starts with entries of these terms, one batch for each run of a term.</summary>
    public static RecoveredState Log(long term, params long[] terms) => new()
    {
        HardState = new HardState(term, ReplicaId.None, NonVoter: false).Encode(),
        Log = Batches(1, terms),
        LastLsn = 1,
    };

    public static long[] Terms(string terms) => [.. terms.Split(' ').Select(long.Parse)];

    public static List<EntryBatch> Batches(long first, params long[] terms)
    {
        var batches = new List<EntryBatch>();
        for (int i = 0; i < terms.Length;)
        {
            int end = i;
            while (end < terms.Length && terms[end] == terms[i])
                end++;
            batches.Add(Batch(first + i, terms[i], end - i));
            i = end;
        }

        return batches;
    }

    public static EntryBatch Batch(long first, long term, int count = 1) =>
        EntryBatch.Pack(EntryKind.Command, first, term, 0, [.. Enumerable.Range(0, count).Select(i => Payload($"{first + i}@{term}"))]);

    public static AppendRequest Append(long term, long prevIndex, long prevTerm, long commit, params long[] terms) =>
        new(term, prevIndex, prevTerm, commit, Batches(prevIndex + 1, terms));

    public static VoteRequest Vote(long term, long lastIndex = 0, long lastTerm = 0) => new(term, lastIndex, lastTerm, pre: false, handOver: false);

    public static VoteRequest PreVote(long term, long lastIndex = 0, long lastTerm = 0) => new(term, lastIndex, lastTerm, pre: true, handOver: false);

    /// <summary>A checkpoint of a group of three that has never changed.</summary>
    public static CheckpointManifest Manifest(long index, long term, long lsn) => new()
    {
        Index = index,
        Term = term,
        Lsn = lsn,
        Configuration = new RaftConfiguration([new(1), new(2), new(3)]).Encode(),
    };

    public static ReadOnlyMemory<byte> Payload(string text) => Encoding.UTF8.GetBytes(text);
}
