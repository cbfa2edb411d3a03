using System.Collections.Concurrent;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Protocols.Tests.Machines;

public sealed class ForkJoinTests
{
    [Theory]
    [InlineData(1, 4)]
    [InlineData(3, 8)]
    [InlineData(1_000, 1)]
    [InlineData(10_000, 4)]
    public void Each_piece_is_carried_out_once_and_seen(int pieces, int lanes)
    {
        for (int round = 0; round < 50; round++)
        {
            int[] done = new int[pieces];
            ForkJoin.Run(pieces, lanes, piece => done[piece]++);
            Assert.All(done, times => Assert.Equal(1, times));
        }
    }

    [Fact]
    public void With_one_lane_the_caller_does_it_all()
    {
        int caller = Environment.CurrentManagedThreadId;
        var threads = new ConcurrentDictionary<int, int>();
        ForkJoin.Run(64, 1, _ => threads.AddOrUpdate(Environment.CurrentManagedThreadId, 1, (_, times) => times + 1));
        Assert.Equal((caller, 64), (threads.Single().Key, threads.Single().Value));
    }

    [Fact]
    public void A_failure_comes_to_the_caller_when_nobody_is_at_work_any_more()
    {
        int inside = 0;
        var failure = Assert.Throws<InvalidOperationException>(() => ForkJoin.Run(1_000, 4, piece =>
        {
            Interlocked.Increment(ref inside);
            Thread.SpinWait(100);
            Interlocked.Decrement(ref inside);
            if (piece == 500)
                throw new InvalidOperationException("piece 500");
        }));
        Assert.Equal("piece 500", failure.Message);
        Assert.Equal(0, Volatile.Read(ref inside));
    }
}
