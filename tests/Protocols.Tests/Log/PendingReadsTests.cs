using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Tests.Log;

public class PendingReadsTests
{
    private readonly PendingReads _reads = new();

    [Fact]
    public void A_question_that_is_asked_again_is_answered_by_the_first_round_it_left_with()
    {
        Ask(2, token: 7);
        _reads.Depart(1, readIndex: 10);
        Ask(2, token: 7);
        _reads.Depart(2, readIndex: 11);
        Assert.Equal([new IndexQuestion(new ReplicaId(2), 7)], _reads.Confirm(1)!.Value.Questions);
        Assert.False(_reads.AnyTravelling);
    }

    [Fact]
    public void A_later_question_takes_the_place_of_one_that_travels()
    {
        Ask(2, token: 7);
        Ask(3, token: 1);
        _reads.Depart(1, readIndex: 10);
        Ask(2, token: 8);
        _reads.Depart(2, readIndex: 11);
        Assert.Equal([new IndexQuestion(new ReplicaId(3), 1)], _reads.Confirm(1)!.Value.Questions);
        Assert.Equal([new IndexQuestion(new ReplicaId(2), 8)], _reads.Confirm(2)!.Value.Questions);
    }

    [Fact]
    public void Rounds_that_are_never_confirmed_do_not_pile_up()
    {
        Ask(2, token: 1);
        _reads.Depart(1, readIndex: 10);
        int most = 0;
        for (int round = 2; round < 1000; round++)
        {
            _reads.Add(new ClientRequest(round, RequestKind.Read, default, Deadline: round));
            Ask(2, token: 1);
            _reads.Depart(round, readIndex: 10);
            _reads.RemoveWhere(read => read.Deadline < round - 3);
            most = Math.Max(most, _reads.Rounds);
        }

        Assert.InRange(most, 4, 20);
        Assert.Equal(4, _reads.Waiting);
    }

    private void Ask(int from, long token) => _reads.Add(new IndexQuestion(new ReplicaId(from), token));
}
