using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Ongaro's thesis, chapter 6, client interaction: what the tests of requests, reads, leases and sessions do not say yet.</summary>
public class Thesis6
{
    private static readonly Guid Alice = new("00112233-4455-6677-8899-aabbccddeeff");
    private static readonly Guid Bob = new("ffeeddcc-bbaa-9988-7766-554433221100");
    private long _index;
    private long _wall;

    // 6.2: clients must not be sent round in a circle for ever.
    [Fact]
    public void Once_a_follower_starts_a_new_election_it_discards_the_leaders_address()
    {
        RaftNode follower = Desk.Follower();
        follower.Receive(2, new Heartbeat(1, 0, 1));
        Assert.Equal(new ReplicaId(2), follower.Rejections[follower.Command("x")].Leader);
        follower.Pass(Desk.MaxTimeout);
        Assert.Equal(ReplicaId.None, follower.Rejections[follower.Command("x")].Leader);
    }

    [Fact]
    public void A_leader_steps_down_if_an_election_timeout_elapses_without_a_successful_round_of_heartbeats_so_clients_do_not_wait_for_ever()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.Pass(2 * Desk.MaxTimeout);
        Assert.NotEqual("leader", leader.Status.Role);
        Assert.Equal(RejectReason.NotLeader, leader.Rejections[leader.Command("x")].Reason);
    }

    // 6.3: the whole way: a command that was committed twice, as its client tried again, is applied once on every replica.
    [Fact]
    public void If_a_command_whose_serial_number_has_already_been_executed_is_received_the_response_is_returned_without_re_executing_the_request()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        leader.Commands(null, "c1", "c1", "c2");
        cluster.Run(Instant.Second);
        foreach (RaftNode node in cluster.Nodes)
        {
            SessionMachine machine = New();
            var results = new List<(SessionStatus, long)>();
            foreach ((_, _, string command) in node.Applied.Where(entry => entry.Command.Length > 0))
                results.Add(Increment(machine, Alice, command[1] - '0'));
            Assert.Equal([(SessionStatus.Applied, 1), (SessionStatus.Applied, 1), (SessionStatus.Applied, 2)], results);
        }
    }

    [Fact]
    public void Clients_assign_unique_serial_numbers_to_every_command_and_each_clients_session_is_tracked_by_itself()
    {
        SessionMachine machine = New();
        Assert.Equal((SessionStatus.Applied, 1), Increment(machine, Alice, 1));
        Assert.Equal((SessionStatus.Applied, 2), Increment(machine, Bob, 1));
        Assert.Equal((SessionStatus.Applied, 1), Increment(machine, Alice, 1));
        Assert.Equal((2, 1L), (machine.SessionCount, machine.Repeats));
    }

    // "With each request, the client includes the lowest sequence number for which it has not yet received a response"
    [Fact]
    public void The_state_machine_then_discards_all_responses_for_lower_sequence_numbers()
    {
        SessionMachine machine = New();
        for (int sequence = 1; sequence <= 50; sequence++)
            Increment(machine, Alice, sequence);
        long kept = machine.ApproximateBytes;
        Increment(machine, Alice, 51, firstIncomplete: 51);
        Assert.True(machine.ApproximateBytes < kept);
        Assert.Equal(SessionStatus.Stale, Increment(machine, Alice, 50, firstIncomplete: 50).Status);
    }

    // "One option is to set an upper bound on the number of sessions and remove entries using an LRU policy."
    [Fact]
    public void All_servers_agree_on_when_to_expire_a_clients_session_because_it_is_decided_by_the_log_alone()
    {
        var options = new SessionOptions { MaxSessions = 2, ExpiryMicros = 1000 };
        SessionMachine one = New(options);
        SessionMachine other = New(options);
        foreach ((Guid client, int sequence, long wall) in ((Guid, int, long)[])[(Alice, 1, 0), (Bob, 1, 600), (Guid.Empty, 1, 900), (Alice, 2, 1000), (Bob, 2, 1601), (Bob, 3, 1602)])
        {
            (_index, _wall) = (_index + 1, wall);
            Assert.Equal(Increment(one, client, sequence, sequence, advance: false), Increment(other, client, sequence, sequence, advance: false));
            Assert.Equal(one.SessionCount, other.SessionCount);
        }
    }

    // "An active client whose session was expired ... the server returns an error": what else it did is unknown.
    [Fact]
    public void If_a_clients_session_has_expired_its_command_is_not_executed_and_an_error_is_returned()
    {
        SessionMachine machine = New(new SessionOptions { ExpiryMicros = 1000 });
        Increment(machine, Alice, 1);
        _wall = 5000;
        Assert.Equal(SessionStatus.Expired, Increment(machine, Alice, 2, firstIncomplete: 2).Status);
        Assert.Equal((SessionStatus.Applied, 2), Increment(machine, Bob, 1));
    }

    // 6.4, steps 1 to 4.
    [Fact]
    public void The_leader_saves_its_commit_index_as_read_index_and_waits_for_its_state_machine_to_advance_at_least_as_far_as_the_read_index()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.MachineWorks = false;
        leader.Command("x");
        leader.Acknowledge(2, 2);
        leader.Sent.Clear();
        leader.Read();
        leader.Receive(2, new HeartbeatReply(1, nonVoter: false, leader.Take<Heartbeat>()[0].Message.Round));
        Assert.Empty(leader.Served);
        leader.Step(new Input.Applied(2));
        Assert.Single(leader.Served);
    }

    [Fact]
    public void If_the_leader_has_not_yet_marked_an_entry_from_its_current_term_committed_a_read_waits_until_it_has_done_so()
    {
        RaftNode leader = Desk.Leader(term: 3, log: [1, 3]);
        leader.Sent.Clear();
        leader.Read();
        foreach ((ReplicaId to, Heartbeat beat) in leader.Take<Heartbeat>())
            leader.Receive(to.Value, new HeartbeatReply(4, nonVoter: false, beat.Round));
        Assert.Empty(leader.Served);
        leader.Acknowledge(2, 3);
        foreach ((ReplicaId to, Heartbeat beat) in leader.Take<Heartbeat>())
            leader.Receive(to.Value, new HeartbeatReply(4, nonVoter: false, beat.Round));
        Assert.Single(leader.Served);
    }

    private static SessionMachine New(SessionOptions? options = null) => new(new KeyValueMachine(), options);

    private (SessionStatus Status, long Value) Increment(SessionMachine machine, Guid client, long sequence, long firstIncomplete = 1, bool advance = true)
    {
        byte[] payload = CommandEnvelope.Encode(new SessionStamp(client, sequence, firstIncomplete), new KeyValuePayload().IncrementBy("n"u8, 1).ToArray());
        _index += advance ? 1 : 0;
        ReadOnlyMemory<byte> result = CommandEnvelope.DecodeResult(machine.Apply(new AppliedCommand(_index, _wall, payload)), out SessionStatus status);
        if (status != SessionStatus.Applied)
            return (status, 0);
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        Assert.True(replies.Next(out KeyValueReply reply));
        return (status, reply.Integer);
    }
}
