using Akka.Actor;
using Akka.Configuration;

namespace Akka.TestKit;

/// <summary>The settings below akka.test.</summary>
public class TestKitSettings(Config config) : IExtension
{
    public TimeSpan DefaultTimeout { get; } = config.GetTimeSpan("akka.test.default-timeout", allowInfinite: false);
    public TimeSpan SingleExpectDefault { get; } = config.GetTimeSpan("akka.test.single-expect-default", allowInfinite: false);
    public TimeSpan TestEventFilterLeeway { get; } = config.GetTimeSpan("akka.test.filter-leeway", allowInfinite: false);
    public double TestTimeFactor { get; } = config.GetDouble("akka.test.timefactor");
}

/// <summary>Makes <see cref="TestKitSettings"/>.</summary>
public class TestKitExtension : ExtensionIdProvider<TestKitSettings>
{
    public override TestKitSettings CreateExtension(ExtendedActorSystem system) => new(system.Settings.Config);
    public static TestKitSettings For(ActorSystem system) => (TestKitSettings)system.RegisterExtension(new TestKitExtension());
}

/// <summary>How the kit fails a test.</summary>
public interface ITestKitAssertions
{
    void Fail(string format = "", params object[] args);
    void AssertTrue(bool condition, string format = "", params object[] args);
    void AssertFalse(bool condition, string format = "", params object[] args);
    void AssertEqual<T>(T expected, T actual, string format = "", params object[] args);
    void AssertEqual<T>(T expected, T actual, Func<T, T, bool> comparer, string format = "", params object[] args);
}

/// <summary>Marks a kit that leaves the current actor as it is.</summary>
public interface INoImplicitSender;
