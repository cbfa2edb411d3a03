using System.Diagnostics;
using Akka.Actor;
using Akka.Pattern;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class BackoffSpec : TestKit
{
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(2);

    private Props Child => Props.Create(() => new Scripted(TestActor));

    private IActorRef CurrentChild(IActorRef supervisor)
    {
        supervisor.Tell(BackoffSupervisor.GetCurrentChild.Instance);
        return ExpectMsg<BackoffSupervisor.CurrentChild>().Ref;
    }

    private void StopsItself(IActorRef supervisor)
    {
        Action<IActorContext> stop = context => context.Stop(context.Self);
        supervisor.Tell(stop);
        ExpectMsg("stopped");
    }

    // By a clock that begins before the end: a thread that comes late makes a delay longer, and never shorter.
    private void StartsAgainAfter(TimeSpan delay, Action ends)
    {
        long from = Stopwatch.GetTimestamp();
        ends();
        ExpectMsg("started");
        Assert.InRange(Stopwatch.GetElapsedTime(from), delay * 0.9, TimeSpan.MaxValue);
    }

    [Fact]
    public void What_it_gets_goes_to_the_child_with_the_sender()
    {
        IActorRef supervisor = Sys.ActorOf(BackoffSupervisor.Props(Backoff.OnStop(Child, "child", Least, Most, 0, -1)));
        ExpectMsg("started");
        supervisor.Tell("hello");
        ExpectMsgFrom(CurrentChildAfter("hello", supervisor), "hello");
    }

    private IActorRef CurrentChildAfter(string expected, IActorRef supervisor)
    {
        ExpectMsg(expected);
        IActorRef child = CurrentChild(supervisor);
        supervisor.Tell(expected);
        return child;
    }

    [Fact]
    public void On_stop_the_child_comes_back_after_a_delay_that_doubles()
    {
        IActorRef supervisor = Sys.ActorOf(BackoffSupervisor.Props(
            Backoff.OnStop(Child, "child", Least, Most, 0, -1).WithManualReset()));
        ExpectMsg("started");
        StartsAgainAfter(Least, () => StopsItself(supervisor));
        StartsAgainAfter(2 * Least, () => StopsItself(supervisor));
        supervisor.Tell(BackoffSupervisor.GetRestartCount.Instance);
        Assert.Equal(2, ExpectMsg<BackoffSupervisor.RestartCount>().Count);
        supervisor.Tell(BackoffSupervisor.Reset.Instance);
        supervisor.Tell(BackoffSupervisor.GetRestartCount.Instance);
        Assert.Equal(0, ExpectMsg<BackoffSupervisor.RestartCount>().Count);
    }

    [Fact]
    public void While_there_is_no_child_the_given_reply_is_sent()
    {
        IActorRef supervisor = Sys.ActorOf(BackoffSupervisor.Props(
            Backoff.OnStop(Child, "child", TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(30), 0, -1).WithReplyWhileStopped("unavailable")));
        ExpectMsg("started");
        StopsItself(supervisor);
        AwaitAssert(() => Assert.True(CurrentChild(supervisor).IsNobody()));
        supervisor.Tell("hello");
        ExpectMsg("unavailable");
    }

    [Fact]
    public void On_stop_a_failure_restarts_at_once()
    {
        IActorRef supervisor = Sys.ActorOf(BackoffSupervisor.Props(Backoff.OnStop(Child, "child", TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(30), 0, -1)));
        ExpectMsg("started");
        supervisor.Tell(new InvalidOperationException("boom"));
        FishForMessage(message => message is "restarted for boom");
        ExpectMsg("started");
    }

    [Fact]
    public void On_failure_the_child_comes_back_after_a_delay_and_a_stop_ends_the_supervisor()
    {
        IActorRef supervisor = Sys.ActorOf(BackoffSupervisor.Props(Backoff.OnFailure(Child, "child", Least, Most, 0, -1)));
        Watch(supervisor);
        ExpectMsg("started");
        StartsAgainAfter(Least, () =>
        {
            supervisor.Tell(new InvalidOperationException("boom"));
            ExpectMsg("stopped");
        });
        StopsItself(supervisor);
        ExpectTerminated(supervisor);
    }

    [Fact]
    public void After_the_final_stop_message_the_stop_is_final()
    {
        IActorRef supervisor = Sys.ActorOf(BackoffSupervisor.Props(
            Backoff.OnStop(Child, "child", Least, Most, 0, -1).WithFinalStopMessage(message => message is Action<IActorContext>)));
        Watch(supervisor);
        ExpectMsg("started");
        StopsItself(supervisor);
        ExpectTerminated(supervisor);
    }

    [Fact]
    public void After_the_allowed_number_of_retries_the_supervisor_stops()
    {
        IActorRef supervisor = Sys.ActorOf(BackoffSupervisor.Props(
            Backoff.OnStop(Child, "child", TimeSpan.FromMilliseconds(20), Most, 0, 1).WithManualReset()));
        Watch(supervisor);
        ExpectMsg("started");
        StopsItself(supervisor);
        ExpectMsg("started");
        StopsItself(supervisor);
        ExpectTerminated(supervisor);
    }

    [Fact]
    public async Task A_circuit_breaker_opens_after_failures_and_closes_after_a_success()
    {
        CircuitBreaker opens = await FailedTwiceAsync(reset: TimeSpan.FromMinutes(1));
        AwaitCondition(() => opens.IsOpen);
        await Assert.ThrowsAsync<OpenCircuitException>(() => opens.WithCircuitBreaker(() => Task.FromResult(1)));

        CircuitBreaker closes = await FailedTwiceAsync(reset: TimeSpan.FromMilliseconds(200));
        AwaitCondition(() => closes.IsHalfOpen);
        Assert.Equal(1, await closes.WithCircuitBreaker(() => Task.FromResult(1)));
        AwaitCondition(() => closes.IsClosed);
    }

    private async Task<CircuitBreaker> FailedTwiceAsync(TimeSpan reset)
    {
        CircuitBreaker breaker = CircuitBreaker.Create(Sys.Scheduler, 2, TimeSpan.FromSeconds(1), reset);
        for (int i = 0; i < 2; i++)
            await Assert.ThrowsAsync<InvalidOperationException>(() => breaker.WithCircuitBreaker(() => Task.FromException<int>(new InvalidOperationException())));
        return breaker;
    }

    [Fact]
    public async Task A_circuit_breaker_counts_a_call_that_takes_too_long_as_failed()
    {
        CircuitBreaker breaker = CircuitBreaker.Create(Sys.Scheduler, 1, TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<TimeoutException>(() => breaker.WithCircuitBreaker(() => new TaskCompletionSource<int>().Task));
        AwaitCondition(() => breaker.IsOpen);
    }
}
