using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

internal sealed class RaftNode : LogNode
{
    public RaftNode(int id, int of, RaftOptions? options = null, RecoveredState? recovered = null, ulong seed = 1, long now = 0, bool joins = false)
        : this(new RaftReplica(new ReplicaId(id), [.. Enumerable.Range(1, of).Select(number => new ReplicaId(number))], seed, (options ?? RaftOptions.Default).Validate(), joins), recovered, now)
    {
    }

    private RaftNode(RaftReplica replica, RecoveredState? recovered, long now)
        : base(replica, recovered, now)
    {
        Raft = replica;
        if (Recovered is { LastLsn: 1, Checkpoint: null })
            Written.Add(new WalEntry(1, new WalRecord { HardState = Recovered.HardState, Entries = Recovered.Log }));
    }

    public RaftReplica Raft { get; }
    public bool IsLeader => Status.Role == "leader";
    public long Wall { get; set; } = 1_000_000;

    /// <summary>What its hard state on disk says of it.</summary>
    public Standing Standing => HardState.Decode(Recover().HardState) is var state ? new Standing(state.NonVoter, state.Loss, state.Hollow) : default;

    /// <summary>The term of every entry from index 1 (or the first one there) on.</summary>
    public long[] Terms => [.. Recover().Log.SelectMany(batch => Enumerable.Repeat(batch.Term, batch.Count))];

    protected override long WallNow => Wall;
    protected override long Patience => 5 * Instant.Second;

    public long Command(string payload, long? deadline = null) => Commands(deadline, payload)[0];

    public long[] Commands(long? deadline, params string[] payloads)
    {
        ClientRequest[] requests = [.. payloads.Select(payload => Request(RequestKind.Command, payload, deadline))];
        Step(new Input.Requests(requests));
        return [.. requests.Select(request => request.Id)];
    }

    public long Read(RequestKind kind = RequestKind.Read, long? deadline = null) => Ask(Request(kind, deadline: deadline));

    public long Transfer(int to, long? deadline = null) => Ask(Request(RequestKind.Transfer, BitConverter.GetBytes(to), deadline));

    public ClientRequest Request(RequestKind kind, string payload, long? deadline = null) => Request(kind, Encoding.UTF8.GetBytes(payload), deadline);

    /// <summary>Wins an election with the votes of the given replicas; nothing it sent meanwhile is kept.</summary>
    public RaftNode Elect(params int[] voters)
    {
        Pass(RaftOptions.Default.ElectionMaxMicros);
        foreach (int voter in voters)
            Receive(voter, new VoteReply(Status.Term + 1, granted: true, pre: true));
        foreach (int voter in voters)
            Receive(voter, new VoteReply(Status.Term, granted: true, pre: false));
        Assert.Equal("leader", Status.Role);
        return this;
    }

    public void Acknowledge(int from, long index) => Receive(from, new AppendReply(Status.Term, success: true, nonVoter: false, index, 0, 0));
}
