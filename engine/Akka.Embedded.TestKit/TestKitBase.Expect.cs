using Akka.Actor;

namespace Akka.TestKit;

/// <summary>Expecting messages. Times are dilated; without one, akka.test.single-expect-default or what is left of Within holds.</summary>
public abstract partial class TestKitBase
{
    // Each expectation is written once, as an asynchronous method that blocks if told to: then its task has completed on return.
    private const bool Blocking = true;

    public T ExpectMsg<T>(TimeSpan? duration = null, string hint = null, CancellationToken cancellationToken = default) =>
        Completed(Expect<T>(duration, null, hint, Blocking, cancellationToken));

    public T ExpectMsg<T>(T message, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Completed(Expect<T>(timeout, (actual, _) => _assertions.AssertEqual(message, actual, hint ?? ""), hint, Blocking, cancellationToken));

    public T ExpectMsg<T>(Predicate<T> isMessage, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Completed(Expect(timeout, Holds(isMessage, hint), hint, Blocking, cancellationToken));

    public T ExpectMsg<T>(Action<T> assert, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Completed(Expect<T>(timeout, (actual, _) => assert(actual), hint, Blocking, cancellationToken));

    public T ExpectMsg<T>(Func<T, IActorRef, bool> isMessageAndSender, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Completed(Expect<T>(timeout, (actual, sender) => Check(isMessageAndSender(actual, sender), actual, hint), hint, Blocking, cancellationToken));

    public T ExpectMsg<T>(Action<T, IActorRef> assertMessageAndSender, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Completed(Expect(timeout, assertMessageAndSender, hint, Blocking, cancellationToken));

    public ValueTask<T> ExpectMsgAsync<T>(TimeSpan? duration = null, string hint = null, CancellationToken cancellationToken = default) =>
        Expect<T>(duration, null, hint, !Blocking, cancellationToken);

    public ValueTask<T> ExpectMsgAsync<T>(T message, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Expect<T>(timeout, (actual, _) => _assertions.AssertEqual(message, actual, hint ?? ""), hint, !Blocking, cancellationToken);

    public ValueTask<T> ExpectMsgAsync<T>(Predicate<T> isMessage, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Expect(timeout, Holds(isMessage, hint), hint, !Blocking, cancellationToken);

    public ValueTask<T> ExpectMsgAsync<T>(Action<T> assert, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Expect<T>(timeout, (actual, _) => assert(actual), hint, !Blocking, cancellationToken);

    public T ExpectMsgFrom<T>(IActorRef sender, TimeSpan? duration = null, string hint = null, CancellationToken cancellationToken = default) =>
        Completed(Expect<T>(duration, (_, actual) => _assertions.AssertEqual(sender, actual, hint ?? ""), hint, Blocking, cancellationToken));

    public T ExpectMsgFrom<T>(IActorRef sender, T message, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Completed(Expect<T>(timeout, (actual, from) =>
        {
            _assertions.AssertEqual(sender, from, hint ?? "");
            _assertions.AssertEqual(message, actual, hint ?? "");
        }, hint, Blocking, cancellationToken));

    public IReadOnlyCollection<T> ExpectMsgAllOf<T>(params T[] messages) => ExpectMsgAllOf((IReadOnlyCollection<T>)messages);

    /// <summary>Expects these messages, in any order.</summary>
    public IReadOnlyCollection<T> ExpectMsgAllOf<T>(IReadOnlyCollection<T> messages, CancellationToken cancellationToken = default)
    {
        List<T> received = [.. ReceiveN(messages.Count, cancellationToken).Cast<T>()];
        foreach (T message in messages) _assertions.AssertTrue(received.Contains(message), $"not found {message} among [{string.Join(", ", received)}]");
        return received;
    }

    public Terminated ExpectTerminated(IActorRef target, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Completed(Expect<Terminated>(timeout, (actual, _) => _assertions.AssertEqual(target, actual.ActorRef, hint ?? ""), hint, Blocking, cancellationToken));

    public ValueTask<Terminated> ExpectTerminatedAsync(IActorRef target, TimeSpan? timeout = null, string hint = null, CancellationToken cancellationToken = default) =>
        Expect<Terminated>(timeout, (actual, _) => _assertions.AssertEqual(target, actual.ActorRef, hint ?? ""), hint, !Blocking, cancellationToken);

    public void ExpectNoMsg(CancellationToken cancellationToken = default) => Completed(ExpectNone(RemainingOrDefault, Blocking, cancellationToken));
    public void ExpectNoMsg(TimeSpan duration, CancellationToken cancellationToken = default) => Completed(ExpectNone(Dilated(duration), Blocking, cancellationToken));
    public void ExpectNoMsg(int milliseconds, CancellationToken cancellationToken = default) => ExpectNoMsg(TimeSpan.FromMilliseconds(milliseconds), cancellationToken);
    public ValueTask ExpectNoMsgAsync(CancellationToken cancellationToken = default) => ExpectNoMsgAsync(TestKitSettings.SingleExpectDefault, cancellationToken);
    public async ValueTask ExpectNoMsgAsync(TimeSpan duration, CancellationToken cancellationToken = default) =>
        await ExpectNone(Dilated(duration), !Blocking, cancellationToken).ConfigureAwait(false);

    public ValueTask ExpectNoMsgAsync(int milliseconds, CancellationToken cancellationToken = default) =>
        ExpectNoMsgAsync(TimeSpan.FromMilliseconds(milliseconds), cancellationToken);

    public object FishForMessage(Predicate<object> isMessage, TimeSpan? max = null, string hint = "", CancellationToken cancellationToken = default) =>
        FishForMessage<object>(isMessage, max, hint, cancellationToken);

    /// <summary>Passes over messages until one fits.</summary>
    public T FishForMessage<T>(Predicate<T> isMessage, TimeSpan? max = null, string hint = "", CancellationToken cancellationToken = default) =>
        Completed(Fish(isMessage, max, hint, Blocking, cancellationToken));

    public ValueTask<T> FishForMessageAsync<T>(Predicate<T> isMessage, TimeSpan? max = null, string hint = "", CancellationToken cancellationToken = default) =>
        Fish(isMessage, max, hint, !Blocking, cancellationToken);

    /// <summary>The next message, or null after the time.</summary>
    public object ReceiveOne(TimeSpan? max = null, CancellationToken cancellationToken = default) =>
        Completed(Receive(max is { } time ? Dilated(time) : RemainingOrDefault, Blocking, cancellationToken))?.Message;

    public async ValueTask<object> ReceiveOneAsync(TimeSpan? max = null, CancellationToken cancellationToken = default) =>
        (await Receive(max is { } time ? Dilated(time) : RemainingOrDefault, !Blocking, cancellationToken).ConfigureAwait(false))?.Message;

    public IReadOnlyCollection<object> ReceiveN(int numberOfMessages, CancellationToken cancellationToken = default) =>
        ReceiveAll(numberOfMessages, RemainingOrDefault, cancellationToken);

    public IReadOnlyCollection<object> ReceiveN(int numberOfMessages, TimeSpan max, CancellationToken cancellationToken = default) =>
        ReceiveAll(numberOfMessages, Dilated(max), cancellationToken);

    /// <summary>Messages as long as the function makes something of them, up to the time, the pause between two, and the number.</summary>
    public IReadOnlyList<T> ReceiveWhile<T>(Func<object, T> filter, TimeSpan? max = null, TimeSpan? idle = null, int msgs = int.MaxValue, CancellationToken cancellationToken = default)
    {
        var received = new List<T>();
        TimeSpan stop = Now + RemainingOrDilated(max);
        while (received.Count < msgs)
        {
            TimeSpan wait = TimeSpan.FromTicks(Math.Min(Max(stop - Now).Ticks, (idle ?? TimeSpan.MaxValue).Ticks));
            if (Completed(Receive(wait, Blocking, cancellationToken)) is not { } envelope) break;
            T made = filter(envelope.Message);
            if (made is null)
            {
                _queue.PutBack(envelope);
                break;
            }

            received.Add(made);
        }

        return received;
    }

    private static T Completed<T>(ValueTask<T> task) => task.IsCompleted ? task.Result : throw new InvalidOperationException("It was to block.");

    private List<object> ReceiveAll(int count, TimeSpan max, CancellationToken cancellation)
    {
        TimeSpan stop = Now + max;
        var received = new List<object>();
        while (received.Count < count)
        {
            MessageEnvelope envelope = Completed(Receive(Max(stop - Now), Blocking, cancellation));
            if (envelope is null) _assertions.Fail($"Timeout ({max}) while expecting {count} messages. Only got {received.Count} after {max}.");
            received.Add(envelope.Message);
        }

        return received;
    }

    private async ValueTask<T> Expect<T>(TimeSpan? timeout, Action<T, IActorRef> check, string hint, bool blocks, CancellationToken cancellation)
    {
        TimeSpan limit = RemainingOrDilated(timeout);
        MessageEnvelope envelope = await Receive(limit, blocks, cancellation).ConfigureAwait(false);
        string prefix = string.IsNullOrEmpty(hint) ? "" : hint + ": ";
        if (envelope is null) _assertions.Fail($"{prefix}Failed: Timeout {limit} while waiting for a message of type {typeof(T)}");
        if (envelope.Message is not T message)
        {
            _assertions.Fail($"{prefix}Failed: Expected a message of type {typeof(T)}, but received {{{envelope.Message}}} (type {envelope.Message.GetType()}) instead from {envelope.Sender}");
            return default;
        }

        check?.Invoke(message, envelope.Sender);
        return message;
    }

    private async ValueTask<bool> ExpectNone(TimeSpan duration, bool blocks, CancellationToken cancellation)
    {
        MessageEnvelope envelope = await Receive(duration, blocks, cancellation).ConfigureAwait(false);
        if (envelope is not null) _assertions.Fail($"Failed: Expected no messages during {duration}, instead we received {envelope}");
        return true;
    }

    private async ValueTask<T> Fish<T>(Predicate<T> isMessage, TimeSpan? max, string hint, bool blocks, CancellationToken cancellation)
    {
        TimeSpan limit = RemainingOrDilated(max);
        TimeSpan stop = Now + limit;
        while (true)
        {
            MessageEnvelope envelope = await Receive(Max(stop - Now), blocks, cancellation).ConfigureAwait(false);
            if (envelope is null) _assertions.Fail($"Timeout ({limit}) during fishForMessage{(string.IsNullOrEmpty(hint) ? "" : ", hint: " + hint)}");
            if (envelope.Message is T message && isMessage(message)) return message;
        }
    }

    private async ValueTask<MessageEnvelope> Receive(TimeSpan timeout, bool blocks, CancellationToken cancellation)
    {
        MessageEnvelope envelope = await _queue.Take(Max(timeout), blocks, cancellation).ConfigureAwait(false);
        Last = envelope ?? NullMessageEnvelope.Instance;
        return envelope;
    }

    private Action<T, IActorRef> Holds<T>(Predicate<T> isMessage, string hint) => (actual, _) => Check(isMessage(actual), actual, hint);

    private void Check(bool holds, object actual, string hint)
    {
        if (!holds) _assertions.Fail($"Got a message of the expected type <{actual.GetType()}>, but it did not fit{(hint is null ? "" : " " + hint)}: {actual}");
    }
}
