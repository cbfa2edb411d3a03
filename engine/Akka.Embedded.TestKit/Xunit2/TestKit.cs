using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Event;
using Xunit.Abstractions;

namespace Akka.TestKit.Xunit2;

/// <summary>The base of test classes for xunit 2: a system for each test, terminated after it.</summary>
public class TestKit : TestKitBase, IDisposable
{
    protected readonly ITestOutputHelper Output;
    private bool _disposed;

    public TestKit(ActorSystem system = null, ITestOutputHelper output = null) : base(Assertions, system) => Output = StartOutput(output);

    public TestKit(ActorSystemSetup config, string actorSystemName = null, ITestOutputHelper output = null)
        : base(Assertions, config, actorSystemName) => Output = StartOutput(output);

    public TestKit(Config config, string actorSystemName = null, ITestOutputHelper output = null)
        : base(Assertions, config, actorSystemName) => Output = StartOutput(output);

    public TestKit(string config, ITestOutputHelper output = null)
        : base(Assertions, ConfigurationFactory.ParseString(config)) => Output = StartOutput(output);

    public static new Config DefaultConfig => TestKitBase.DefaultConfig;
    public static new Config FullDebugConfig => TestKitBase.FullDebugConfig;
    protected static XunitAssertions Assertions { get; } = new();

    private ITestOutputHelper StartOutput(ITestOutputHelper output)
    {
        if (output is null) return null;
        IActorRef logger = ((ExtendedActorSystem)Sys).SystemActorOf(Props.Create(() => new Internals.TestOutputLogger(output)), "log-test");
        logger.Tell(new InitializeLogger(Sys.EventStream), ActorRefs.NoSender);
        return output;
    }

    /// <summary>Called after each test: terminates the system.</summary>
    protected virtual void AfterAll()
    {
        Shutdown();
        SynchronizationContext.SetSynchronizationContext(null);
        ActorCell.Leave(null);
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        if (disposing) AfterAll();
    }
}

/// <summary>Fails tests as xunit does.</summary>
public class XunitAssertions : ITestKitAssertions
{
    public void Fail(string format = "", params object[] args) => Xunit.Assert.Fail(Text(format, args));
    public void AssertTrue(bool condition, string format = "", params object[] args) => Xunit.Assert.True(condition, Text(format, args));
    public void AssertFalse(bool condition, string format = "", params object[] args) => Xunit.Assert.False(condition, Text(format, args));
    public void AssertEqual<T>(T expected, T actual, string format = "", params object[] args) => Xunit.Assert.Equal(expected, actual);

    public void AssertEqual<T>(T expected, T actual, Func<T, T, bool> comparer, string format = "", params object[] args)
    {
        if (!comparer(expected, actual)) Fail($"{Text(format, args)} expected {expected}, got {actual}");
    }

    private static string Text(string format, object[] args) => args.Length == 0 ? format : string.Format(format, args);
}
