using Akka.Actor;
using Akka.Actor.Internal;

namespace Akka.Persistence;

/// <summary>
/// A persistent actor whose handlers are declared by type: Recover in its constructor, Command there and in Become.
/// The first that fits is called.
/// </summary>
public abstract class ReceivePersistentActor : UntypedPersistentActor, IInitializableActor
{
    private readonly HandlerTable _recover = new();
    private HandlerTable _declaring = new();
    private HandlerTable _initial;

    void IInitializableActor.Init()
    {
        _initial = _declaring;
        _declaring = null;
    }

    private HandlerTable Commands => _declaring
        ?? throw new InvalidOperationException("You may only call Command-methods when constructing the actor and inside Become().");

    private HandlerTable Recoveries => _initial is null
        ? _recover
        : throw new InvalidOperationException("You may only call Recover-methods when constructing the actor.");

    protected sealed override void OnCommand(object message)
    {
        if (!_initial.TryHandle(message)) Unhandled(message);
    }

    protected sealed override void OnRecover(object message)
    {
        if (!_recover.TryHandle(message)) Unhandled(message);
    }

    /// <summary>Replaces the handlers of commands by those <paramref name="configure"/> declares.</summary>
    protected void Become(Action configure) => base.Become(Declare(configure));

    /// <summary>Puts the handlers <paramref name="configure"/> declares on top of the present ones, until UnbecomeStacked.</summary>
    protected void BecomeStacked(Action configure) => base.BecomeStacked(Declare(configure));

    private UntypedReceive Declare(Action configure)
    {
        HandlerTable outer = _declaring;
        var table = new HandlerTable();
        _declaring = table;
        try
        {
            configure();
        }
        finally
        {
            _declaring = outer;
        }

        return message =>
        {
            if (!table.TryHandle(message)) Unhandled(message);
        };
    }

    protected void Command<T>(Action<T> handler, Predicate<T> shouldHandle = null) => Commands.Add(handler, shouldHandle);
    protected void Command<T>(Predicate<T> shouldHandle, Action<T> handler) => Commands.Add(handler, shouldHandle);
    protected void Command<T>(Func<T, bool> handler) => Commands.Add(handler);

    protected void Command(Type messageType, Action<object> handler, Predicate<object> shouldHandle = null) =>
        Commands.Add(messageType, handler, shouldHandle);

    protected void Command(Action<object> handler) => Commands.AddAny(handler);
    protected void CommandAny(Action<object> handler) => Commands.AddAny(handler);

    protected void CommandAsync<T>(Func<T, Task> handler, Predicate<T> shouldHandle = null) =>
        Commands.Add(message => RunTask(() => handler(message)), shouldHandle);

    protected void CommandAsync<T>(Predicate<T> shouldHandle, Func<T, Task> handler) => CommandAsync(handler, shouldHandle);
    protected void CommandAnyAsync(Func<object, Task> handler) => CommandAny(message => RunTask(() => handler(message)));

    protected void Recover<T>(Action<T> handler, Predicate<T> shouldHandle = null) => Recoveries.Add(handler, shouldHandle);
    protected void Recover<T>(Predicate<T> shouldHandle, Action<T> handler) => Recoveries.Add(handler, shouldHandle);
    protected void Recover<T>(Func<T, bool> handler) => Recoveries.Add(handler);

    protected void Recover(Type messageType, Action<object> handler, Predicate<object> shouldHandle = null) =>
        Recoveries.Add(messageType, handler, shouldHandle);

    protected void RecoverAny(Action<object> handler) => Recoveries.AddAny(handler);
}
