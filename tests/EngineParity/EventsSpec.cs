using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Akka.TestKit;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class EventsSpec : TestKit
{
    [Fact]
    public void A_subscriber_gets_events_of_the_class_its_subclasses_and_implementations()
    {
        TestProbe byBase = CreateTestProbe();
        TestProbe byInterface = CreateTestProbe();
        TestProbe byClass = CreateTestProbe();
        Sys.EventStream.Subscribe(byBase.Ref, typeof(Animal));
        Sys.EventStream.Subscribe(byInterface.Ref, typeof(IPet));
        Sys.EventStream.Subscribe(byClass.Ref, typeof(Cat));
        Sys.EventStream.Publish(new Cat());
        Sys.EventStream.Publish(new Wolf());
        byBase.ExpectMsg<Cat>();
        byBase.ExpectMsg<Wolf>();
        byInterface.ExpectMsg<Cat>();
        byClass.ExpectMsg<Cat>();
        byInterface.ExpectNoMsg(100);
        byClass.ExpectNoMsg(100);
    }

    [Fact]
    public void Who_unsubscribes_gets_nothing_more()
    {
        Assert.True(Sys.EventStream.Subscribe(TestActor, typeof(Animal)));
        Assert.False(Sys.EventStream.Subscribe(TestActor, typeof(Animal)));
        Sys.EventStream.Publish(new Cat());
        ExpectMsg<Cat>();
        Assert.True(Sys.EventStream.Unsubscribe(TestActor));
        Sys.EventStream.Publish(new Cat());
        ExpectNoMsg(100);
    }

    [Fact]
    public void A_failure_is_logged_as_an_error_with_its_cause()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(null)), "failing");
        EventFilter.Exception<InvalidOperationException>("boom").ExpectOne(() => actor.Tell(new InvalidOperationException("boom")));
    }

    [Fact]
    public void Log_events_reach_subscribers_with_source_level_and_formatted_text()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(Warning));
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(null)), "logs");
        Action<IActorContext> script = context => context.GetLogger().Warning("{0} is {1}", "five", 5);
        actor.Tell(script);
        Warning warning = ExpectMsg<Warning>();
        Assert.Equal("five is 5", warning.Message.ToString());
        Assert.StartsWith("akka://test/user/logs", warning.LogSource, StringComparison.Ordinal);
        Assert.Equal(LogLevel.WarningLevel, warning.LogLevel());
    }

    [Fact]
    public void Events_below_the_log_level_are_not_published()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(LogEvent));
        Sys.EventStream.SetLogLevel(LogLevel.WarningLevel);
        ILoggingAdapter log = Logging.GetLogger(Sys, "source");
        Assert.False(log.IsInfoEnabled);
        Assert.True(log.IsWarningEnabled);
        log.Info("quiet");
        log.Error("loud");
        Assert.Equal("loud", ExpectMsg<LogEvent>().Message.ToString());
    }

    [Fact]
    public void Loggers_named_in_the_settings_are_started_and_told_what_is_logged()
    {
        ActorSystem system = ActorSystem.Create("logging", ConfigurationFactory.ParseString(
            $"akka.loggers = [\"{typeof(KeepingLogger).FullName}, {typeof(KeepingLogger).Assembly.GetName().Name}\"]\nakka.loglevel = INFO"));
        try
        {
            system.Log.Info("to be kept");
            AwaitCondition(() => KeepingLogger.Kept.Contains("to be kept"));
        }
        finally
        {
            Shutdown(system);
        }
    }

    [Fact]
    public void Suppressed_dead_letters_are_no_dead_letters()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(DeadLetter));
        Sys.DeadLetters.Tell(new Quiet());
        Sys.DeadLetters.Tell("loud");
        Assert.Equal("loud", ExpectMsg<DeadLetter>().Message);
        Sys.EventStream.Subscribe(TestActor, typeof(AllDeadLetters));
        Sys.DeadLetters.Tell(new Quiet());
        ExpectMsg<SuppressedDeadLetter>();
    }

    private abstract class Animal;

    private interface IPet;

    private sealed class Cat : Animal, IPet;

    private sealed class Wolf : Animal;

    private sealed class Quiet : IDeadLetterSuppression;

    public sealed class KeepingLogger : ReceiveActor
    {
        public static readonly System.Collections.Concurrent.ConcurrentBag<string> Kept = [];

        public KeepingLogger()
        {
            Receive<InitializeLogger>(_ => Sender.Tell(new LoggerInitialized()));
            Receive<LogEvent>(log => Kept.Add(log.Message.ToString()!));
        }
    }
}
