using System.Diagnostics;
using Akka.Actor;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class TimeSpec : TestKit
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(250);

    [Fact]
    public void A_single_timer_fires_once_and_is_no_longer_active()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Timed(TestActor)));
        actor.Tell(new Single("k", "tick", Short));
        ExpectMsg("tick");
        ExpectNoMsg(Quiet);
        actor.Tell("active?");
        ExpectMsg(false);
    }

    [Fact]
    public void A_periodic_timer_fires_until_it_is_cancelled()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Timed(TestActor)));
        actor.Tell(new Periodic("k", "tick", Short));
        ExpectMsg("tick");
        ExpectMsg("tick");
        ExpectMsg("tick");
        actor.Tell("cancel");
        FishForMessage(message => message is "cancelled");
        ExpectNoMsg(Quiet);
    }

    [Fact]
    public void A_message_of_a_cancelled_timer_is_not_handled_though_it_waits_in_the_mailbox()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Timed(TestActor)));
        using var begin = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        actor.Tell(begin); // All the rest waits in the mailbox before the timer runs.
        actor.Tell(new Single("k", "tick", Short));
        actor.Tell(gate);
        actor.Tell("cancel");
        begin.Set();
        Thread.Sleep(Quiet); // The timer fires while the actor is busy: time itself is what is tested.
        gate.Set();
        ExpectMsg("cancelled");
        ExpectNoMsg(Quiet);
    }

    [Fact]
    public void Starting_a_timer_anew_replaces_it()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Timed(TestActor)));
        using var begin = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        actor.Tell(begin); // As above.
        actor.Tell(new Single("k", "old", Short));
        actor.Tell(gate);
        actor.Tell(new Single("k", "new", Short));
        begin.Set();
        Thread.Sleep(Quiet); // As above.
        gate.Set();
        ExpectMsg("new");
        ExpectNoMsg(Quiet);
    }

    [Fact]
    public void A_restart_cancels_all_timers()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Timed(TestActor)));
        actor.Tell(new Periodic("k", "tick", TimeSpan.FromMilliseconds(100)));
        actor.Tell(new InvalidOperationException("boom"));
        actor.Tell("active?");
        Assert.Equal(false, FishForMessage(message => message is bool));
        ExpectNoMsg(Quiet);
    }

    [Fact]
    public void A_receive_timeout_comes_when_no_message_came_for_the_time()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Waiting(TestActor)));
        actor.Tell(TimeSpan.FromMilliseconds(100));
        ExpectMsg<ReceiveTimeout>();
        ExpectMsg<ReceiveTimeout>();
        actor.Tell(TimeSpan.Zero);
        actor.Tell("there?");
        FishForMessage(message => message is "here");
        ExpectNoMsg(Quiet);
    }

    [Fact]
    public void A_receive_timeout_is_put_off_by_messages()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Waiting(TestActor)));
        long last = Stopwatch.GetTimestamp(), before = last;
        actor.Tell(TimeSpan.FromMilliseconds(1000));
        object? came = null;
        for (int i = 0; i < 6 && (came = ReceiveOne(TimeSpan.FromMilliseconds(200))) is null; i++)
        {
            (before, last) = (last, Stopwatch.GetTimestamp());
            actor.Tell("x");
        }

        // By a clock that begins before the message: who comes late makes the time longer, and never shorter. The last message may have come just after the time.
        Assert.IsType<ReceiveTimeout>(came ?? ReceiveOne(TimeSpan.FromSeconds(5)));
        Assert.InRange(Stopwatch.GetElapsedTime(before), TimeSpan.FromMilliseconds(950), TimeSpan.MaxValue);
    }

    [Fact]
    public void The_scheduler_tells_once_or_repeatedly_until_cancelled()
    {
        Sys.Scheduler.ScheduleTellOnce(Short, TestActor, "once", ActorRefs.NoSender);
        ExpectMsg("once");
        ExpectNoMsg(Quiet);

        ICancelable repeated = Sys.Scheduler.ScheduleTellRepeatedlyCancelable(TimeSpan.Zero, Short, TestActor, "again", ActorRefs.NoSender);
        ExpectMsg("again");
        ExpectMsg("again");
        repeated.Cancel();
        // What was due already may still be on its way, before what is scheduled now.
        Sys.Scheduler.ScheduleTellOnce(Short, TestActor, "end", ActorRefs.NoSender);
        FishForMessage(message => message is "end");
        ExpectNoMsg(Quiet);
    }

    [Fact]
    public void What_is_cancelled_before_its_time_does_not_happen()
    {
        ICancelable tell = Sys.Scheduler.ScheduleTellOnceCancelable(TimeSpan.FromMilliseconds(100), TestActor, "never", ActorRefs.NoSender);
        ICancelable action = Sys.Scheduler.Advanced.ScheduleOnceCancelable(TimeSpan.FromMilliseconds(100), () => TestActor.Tell("never"));
        tell.Cancel();
        action.Cancel();
        ExpectNoMsg(Quiet);
    }

    [Fact]
    public void Scheduled_messages_come_in_the_order_of_their_times()
    {
        // Counted from one start, so that it does not matter how much time passes between the calls.
        var clock = Stopwatch.StartNew();
        int[] times = [1500, 1340, 1420, 1380, 1460];
        foreach (int time in times) Sys.Scheduler.ScheduleTellOnce(TimeSpan.FromMilliseconds(time) - clock.Elapsed, TestActor, time, ActorRefs.NoSender);
        foreach (int time in times.Order()) ExpectMsg(time);
    }

    [Fact]
    public void A_negative_delay_and_an_interval_of_nothing_are_refused()
    {
        Assert.ThrowsAny<ArgumentException>(() => Sys.Scheduler.ScheduleTellOnce(TimeSpan.FromSeconds(-1), TestActor, "x", ActorRefs.NoSender));
        Assert.ThrowsAny<ArgumentException>(() => Sys.Scheduler.ScheduleTellRepeatedly(TimeSpan.Zero, TimeSpan.Zero, TestActor, "x", ActorRefs.NoSender));
    }

    private sealed record Single(string Key, string Message, TimeSpan Delay);

    private sealed record Periodic(string Key, string Message, TimeSpan Interval);

    private sealed class Timed : ReceiveActor, IWithTimers
    {
        public Timed(IActorRef test)
        {
            Receive<Single>(timer => Timers.StartSingleTimer(timer.Key, timer.Message, timer.Delay));
            Receive<Periodic>(timer => Timers.StartPeriodicTimer(timer.Key, timer.Message, timer.Interval));
            Receive<ManualResetEventSlim>(gate => gate.Wait(TimeSpan.FromSeconds(5)));
            Receive<Exception>(failure => throw failure);
            Receive<string>(text => text == "cancel", _ =>
            {
                Timers.Cancel("k");
                test.Tell("cancelled");
            });
            Receive<string>(text => text == "active?", _ => test.Tell(Timers.IsTimerActive("k")));
            ReceiveAny(test.Tell);
        }

        public ITimerScheduler Timers { get; set; } = null!;
    }

    private sealed class Waiting : ReceiveActor
    {
        public Waiting(IActorRef test)
        {
            Receive<TimeSpan>(time => SetReceiveTimeout(time == TimeSpan.Zero ? null : time));
            Receive<ReceiveTimeout>(test.Tell);
            Receive<string>(text => text == "there?", _ => test.Tell("here"));
            ReceiveAny(_ => { });
        }
    }
}
