using Akka.Configuration;
using Akka.Dispatch;

namespace Akka.TestKit;

/// <summary>Makes <see cref="CallingThreadDispatcher"/>.</summary>
public class CallingThreadDispatcherConfigurator(Config config, IDispatcherPrerequisites prerequisites)
    : MessageDispatcherConfigurator(config, prerequisites)
{
    public override MessageDispatcher Dispatcher() => new CallingThreadDispatcher(this);
}

/// <summary>Runs an actor on the thread that tells it, unless another thread runs it already.</summary>
public class CallingThreadDispatcher(MessageDispatcherConfigurator configurator) : MessageDispatcher(configurator)
{
    public static new string Id = "akka.test.calling-thread-dispatcher";

    [ThreadStatic]
    private static IRunnable _running;

    [ThreadStatic]
    private static bool _again;

    protected override void ExecuteTask(IRunnable run)
    {
        // An actor that has more to do says so at the end of its run: it runs again from here, not from within.
        if (ReferenceEquals(_running, run))
        {
            _again = true;
            return;
        }

        IRunnable outer = _running;
        do
        {
            _again = false;
            _running = run;
            run.Run();
        }
        while (_again);
        _running = outer;
    }

    protected override void Shutdown() { }
}
