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
    protected override void ExecuteTask(IRunnable run) => run.Run();
    protected override void Shutdown() { }
}
