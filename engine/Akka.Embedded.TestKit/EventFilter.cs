using System.Text.RegularExpressions;
using Akka.Actor;
using Akka.Event;

namespace Akka.TestKit;

/// <summary>The logger of a test's system: prints what no filter has claimed.</summary>
public class TestEventListener : DefaultLogger
{
    private readonly List<LogFilter> _filters = [];

    protected override bool Receive(object message)
    {
        switch (message)
        {
            case InitializeLogger initialize:
                foreach (Type type in new[] { typeof(AddFilter), typeof(RemoveFilter), typeof(DeadLetter), typeof(UnhandledMessage) })
                    initialize.LoggingBus.Subscribe(Self, type);
                return base.Receive(message);
            case AddFilter add:
                _filters.Add(add.Filter);
                return true;
            case RemoveFilter remove:
                _filters.Remove(remove.Filter);
                return true;
            case LogEvent log:
                if (!Claimed(log)) Print(log);
                return true;
            case AllDeadLetters letter:
                Claimed(new Warning(letter.Recipient.Path.ToString(), letter.Recipient.GetType(), letter));
                return true;
            default:
                return false;
        }
    }

    private bool Claimed(LogEvent log) => _filters.Exists(filter => filter.Claims(log));

    internal sealed record AddFilter(LogFilter Filter) : INoSerializationVerificationNeeded;

    internal sealed record RemoveFilter(LogFilter Filter) : INoSerializationVerificationNeeded;
}

/// <summary>Counts the events that fit.</summary>
internal sealed class LogFilter(Predicate<LogEvent> fits)
{
    private int _count;
    public int Count => Volatile.Read(ref _count);

    public bool Claims(LogEvent log)
    {
        if (!fits(log)) return false;
        Interlocked.Increment(ref _count);
        return true;
    }
}

/// <summary>Makes expectations about log events.</summary>
public class EventFilterFactory
{
    private readonly ActorSystem _system;
    private readonly TestKitSettings _settings;
    private readonly ITestKitAssertions _assertions;

    internal EventFilterFactory(ActorSystem system, TestKitSettings settings, ITestKitAssertions assertions)
    {
        _system = system;
        _settings = settings;
        _assertions = assertions;
    }

    public IEventFilterApplier Exception<TException>(string message = null, string start = null, string contains = null, string source = null) where TException : Exception =>
        Exception(typeof(TException), message, start, contains, source);

    /// <summary>Errors caused by an exception of that type; the texts are looked for in the event's message and the exception's.</summary>
    public IEventFilterApplier Exception(Type exceptionType, string message = null, string start = null, string contains = null, string source = null, bool checkInnerExceptions = false) =>
        Custom(log => log is Error { Cause: { } cause } && IsSource(log, source) && Causes(cause, checkInnerExceptions).Any(each =>
            exceptionType.IsInstanceOfType(each) && (IsText(each.Message, message, start, contains) || IsText(log.Message?.ToString(), message, start, contains))));

    public IEventFilterApplier Debug(string message = null, string start = null, string contains = null, string source = null) => ForLogLevel(LogLevel.DebugLevel, message, start, contains, source);
    public IEventFilterApplier Info(string message = null, string start = null, string contains = null, string source = null) => ForLogLevel(LogLevel.InfoLevel, message, start, contains, source);
    public IEventFilterApplier Warning(string message = null, string start = null, string contains = null, string source = null) => ForLogLevel(LogLevel.WarningLevel, message, start, contains, source);
    public IEventFilterApplier Error(string message = null, string start = null, string contains = null, string source = null) => ForLogLevel(LogLevel.ErrorLevel, message, start, contains, source);

    public IEventFilterApplier ForLogLevel(LogLevel logLevel, string message = null, string start = null, string contains = null, string source = null) =>
        Custom(log => log.LogLevel() == logLevel && log.Message is not AllDeadLetters && IsSource(log, source) && IsText(log.Message?.ToString(), message, start, contains));

    public IEventFilterApplier ForLogLevel(LogLevel logLevel, Regex pattern, string source = null) =>
        Custom(log => log.LogLevel() == logLevel && IsSource(log, source) && pattern.IsMatch(log.Message?.ToString() ?? ""));

    public IEventFilterApplier DeadLetter() => Custom(log => log.Message is DeadLetter);

    public IEventFilterApplier DeadLetter<TMessage>(string source = null) =>
        Custom(log => log.Message is DeadLetter { Message: TMessage } && IsSource(log, source));

    public IEventFilterApplier DeadLetter<TMessage>(Func<TMessage, bool> isMatch, string source = null) =>
        Custom(log => log.Message is DeadLetter { Message: TMessage message } && isMatch(message) && IsSource(log, source));

    public IEventFilterApplier Custom(Predicate<LogEvent> predicate) => new EventFilterApplier(predicate, _system, _settings, _assertions);

    private static IEnumerable<Exception> Causes(Exception cause, bool inner)
    {
        for (Exception at = cause; at is not null; at = inner ? at.InnerException : null) yield return at;
    }

    private static bool IsSource(LogEvent log, string source) => source is null || log.LogSource == source || log.LogSource.StartsWith(source + "(", StringComparison.Ordinal);

    private static bool IsText(string text, string message, string start, string contains) =>
        (message is null || text == message)
        && (start is null || text?.StartsWith(start, StringComparison.Ordinal) == true)
        && (contains is null || text?.Contains(contains, StringComparison.Ordinal) == true);
}

/// <summary>Runs an action and expects events that it logs; these are not printed.</summary>
public interface IEventFilterApplier
{
    void Expect(int expectedCount, Action action, CancellationToken cancellationToken = default);
    void Expect(int expectedCount, TimeSpan timeout, Action action, CancellationToken cancellationToken = default);
    void ExpectOne(Action action, CancellationToken cancellationToken = default);
    void ExpectOne(TimeSpan timeout, Action action, CancellationToken cancellationToken = default);
    Task ExpectAsync(int expectedCount, Func<Task> actionAsync, CancellationToken cancellationToken = default);
    Task ExpectAsync(int expectedCount, TimeSpan timeout, Func<Task> action, CancellationToken cancellationToken = default);
    Task ExpectOneAsync(Func<Task> actionAsync, CancellationToken cancellationToken = default);
    Task ExpectOneAsync(TimeSpan timeout, Func<Task> action, CancellationToken cancellationToken = default);
    void Mute(Action action, CancellationToken cancellationToken = default);
}

/// <inheritdoc/>
internal sealed class EventFilterApplier(Predicate<LogEvent> fits, ActorSystem system, TestKitSettings settings, ITestKitAssertions assertions) : IEventFilterApplier
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);

    private TimeSpan Leeway => settings.TestEventFilterLeeway * settings.TestTimeFactor;

    public void Expect(int expectedCount, Action action, CancellationToken cancellationToken = default) => Expect(expectedCount, Leeway, action, cancellationToken);
    public void ExpectOne(Action action, CancellationToken cancellationToken = default) => Expect(1, Leeway, action, cancellationToken);
    public void ExpectOne(TimeSpan timeout, Action action, CancellationToken cancellationToken = default) => Expect(1, timeout, action, cancellationToken);
    public Task ExpectAsync(int expectedCount, Func<Task> actionAsync, CancellationToken cancellationToken = default) => ExpectAsync(expectedCount, Leeway, actionAsync, cancellationToken);
    public Task ExpectOneAsync(Func<Task> actionAsync, CancellationToken cancellationToken = default) => ExpectAsync(1, Leeway, actionAsync, cancellationToken);
    public Task ExpectOneAsync(TimeSpan timeout, Func<Task> action, CancellationToken cancellationToken = default) => ExpectAsync(1, timeout, action, cancellationToken);

    public void Expect(int expectedCount, TimeSpan timeout, Action action, CancellationToken cancellationToken = default)
    {
        using var scope = new Scope(fits, system);
        action();
        SpinWait.SpinUntil(() => scope.Filter.Count >= expectedCount, timeout);
        Check(expectedCount, scope.Filter.Count, timeout);
    }

    public async Task ExpectAsync(int expectedCount, TimeSpan timeout, Func<Task> action, CancellationToken cancellationToken = default)
    {
        using var scope = new Scope(fits, system);
        await action().ConfigureAwait(true);
        TimeSpan stop = TestKitBase.Now + timeout;
        while (scope.Filter.Count < expectedCount && TestKitBase.Now < stop) await Task.Delay(Interval, cancellationToken).ConfigureAwait(true);
        Check(expectedCount, scope.Filter.Count, timeout);
    }

    public void Mute(Action action, CancellationToken cancellationToken = default)
    {
        using var scope = new Scope(fits, system);
        action();
    }

    private void Check(int expected, int actual, TimeSpan timeout)
    {
        if (actual != expected) assertions.Fail($"Expected {expected} events within {timeout}, got {actual}.");
    }

    private sealed class Scope : IDisposable
    {
        private readonly ActorSystem _system;

        public Scope(Predicate<LogEvent> fits, ActorSystem system)
        {
            _system = system;
            Filter = new LogFilter(fits);
            system.EventStream.Publish(new TestEventListener.AddFilter(Filter));
        }

        public LogFilter Filter { get; }
        public void Dispose() => _system.EventStream.Publish(new TestEventListener.RemoveFilter(Filter));
    }
}
