using ActorRepl.Protocols.Checking;

namespace ActorRepl.Protocols.Tests.Checking;

/// <summary>Each promise kept and broken, and histories made at random.</summary>
public sealed class SessionCheckerTests
{
    [Fact]
    public void A_session_that_reads_its_writes_and_never_goes_back_is_right() =>
        Assert.Empty(SessionChecker.Check([Write(1, 3, 10, 20), Read(1, 3, 30, 40), Write(2, 4, 30, 50), Read(1, 4, 60, 70), Read(2, 4, 60, 70)]));

    [Fact]
    public void A_session_that_does_not_read_its_write_is_found() =>
        Assert.Contains("does not read its writes", Assert.Single(SessionChecker.Check([Write(1, 3, 10, 20), Read(1, 2, 30, 40)])), StringComparison.Ordinal);

    [Fact]
    public void Reads_that_go_back_are_found() =>
        Assert.Contains("reads go back", Assert.Single(SessionChecker.Check([Read(1, 3, 10, 20), Read(1, 2, 30, 40)])), StringComparison.Ordinal);

    [Fact]
    public void A_write_before_what_was_read_is_found() =>
        Assert.Contains("does not follow", Assert.Single(SessionChecker.Check([Read(1, 3, 10, 20), Write(1, 3, 30, 40)])), StringComparison.Ordinal);

    [Fact]
    public void Other_sessions_other_keys_and_those_that_promise_nothing_may_see_less() => Assert.Empty(SessionChecker.Check(
    [
        Write(1, 3, 10, 20), Read(2, 1, 30, 40), Read(1, 0, 30, 40) with { Key = "other" }, Read(1, 1, 50, 60) with { IsEventual = true },
    ]));

    [Theory]
    [InlineData(9, true)]
    [InlineData(10, false)]
    [InlineData(11, false)]
    public void A_read_is_as_old_as_its_bound_and_no_older(long bound, bool isOlder)
    {
        // Acknowledged at 20, read from 30 on.
        IReadOnlyList<string> wrong = SessionChecker.Check([Write(1, 3, 10, 20), Read(2, 2, 30, 40) with { Bound = bound }]);
        Assert.Equal(isOlder, wrong.Count == 1);
    }

    [Fact]
    public void A_write_that_was_acknowledged_late_does_not_hide_a_newer_one() => Assert.Single(SessionChecker.Check(
        [Write(1, 5, 10, 20), Write(2, 4, 10, 25), Read(3, 4, 100, 110) with { Bound = 10 }]));

    /// <summary>Sessions over one order of writes, each seeing a moment not before the last it saw: nothing is found. One read put back is.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Histories_made_to_be_right_are_and_one_read_put_back_is_found(int seed)
    {
        var random = new Random(seed);
        var history = new List<SessionOperation>();
        long[] seen = new long[4];
        long position = 0, time = 0;
        for (int i = 0; i < 2000; i++)
        {
            int session = random.Next(seen.Length);
            time += 10;
            if (random.Next(3) == 0)
                history.Add(Write(session, seen[session] = ++position, time, time + 5));
            else
                history.Add(Read(session, seen[session] = random.NextInt64(seen[session], position + 1), time, time + 5));
        }

        Assert.Empty(SessionChecker.Check(history));
        int spoilt = history.FindLastIndex(one => !one.IsWrite && history.Any(before => before.Session == one.Session && before.Returned < one.Called && before.Position == one.Position));
        history[spoilt] = history[spoilt] with { Position = history[spoilt].Position - 1 };
        Assert.NotEmpty(SessionChecker.Check(history));
    }

    private static SessionOperation Write(int session, long position, long called, long returned) => new(session, "k", true, position, called, returned);

    private static SessionOperation Read(int session, long position, long called, long returned) => new(session, "k", false, position, called, returned);
}
