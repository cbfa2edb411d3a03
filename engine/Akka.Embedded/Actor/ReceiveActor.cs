using Akka.Actor.Internal;

namespace Akka.Actor;

/// <summary>An actor whose handlers are declared by type, in its constructor and in Become. The first that fits is called.</summary>
public abstract class ReceiveActor : UntypedActor, IInitializableActor
{
    private HandlerTable _declaring = new();
    private HandlerTable _initial;

    void IInitializableActor.Init()
    {
        _initial = _declaring;
        _declaring = null;
    }

    protected sealed override bool Receive(object message) => _initial.TryHandle(message);
    protected sealed override void OnReceive(object message) { }

    private HandlerTable Declaring => _declaring
        ?? throw new InvalidOperationException("You may only call Receive-methods when constructing the actor and inside Become().");

    protected void Become(Action configure) => base.Become(Declare(configure));
    protected void BecomeStacked(Action configure) => base.BecomeStacked(Declare(configure));

    private Receive Declare(Action configure)
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

        return table.TryHandle;
    }

    protected void Receive<T>(Action<T> handler, Predicate<T> shouldHandle = null) => Declaring.Add(handler, shouldHandle);
    protected void Receive<T>(Predicate<T> shouldHandle, Action<T> handler) => Declaring.Add(handler, shouldHandle);
    protected void Receive<T>(Func<T, bool> handler) => Declaring.Add(handler);

    protected void ReceiveAny(Action<object> handler) => Declaring.AddAny(handler);

    protected void ReceiveAsync<T>(Func<T, Task> handler, Predicate<T> shouldHandle = null) =>
        Declaring.Add(message => RunTask(() => handler(message)), shouldHandle);

    protected void ReceiveAsync<T>(Predicate<T> shouldHandle, Func<T, Task> handler) => ReceiveAsync(handler, shouldHandle);

    protected void ReceiveAnyAsync(Func<object, Task> handler) => ReceiveAny(message => RunTask(() => handler(message)));
}

/// <summary>Handlers by type, in the order they were declared.</summary>
internal sealed class HandlerTable
{
    private readonly List<Func<object, bool>> _handlers = [];
    private bool _catchesAll;

    public void Add<T>(Action<T> handler, Predicate<T> shouldHandle)
    {
        Add<T>(message =>
        {
            if (shouldHandle is not null && !shouldHandle(message)) return false;
            handler(message);
            return true;
        });
        _catchesAll = typeof(T) == typeof(object) && shouldHandle is null;
    }

    public void Add<T>(Func<T, bool> handler) => Append(message => message is T typed && handler(typed));

    public void Add(Type type, Action<object> handler, Predicate<object> shouldHandle) => Append(message =>
    {
        if (!type.IsInstanceOfType(message) || (shouldHandle is not null && !shouldHandle(message))) return false;
        handler(message);
        return true;
    });

    public void AddAny(Action<object> handler) => Add(handler, null);

    public bool TryHandle(object message)
    {
        foreach (Func<object, bool> handler in _handlers)
        {
            if (handler(message)) return true;
        }

        return false;
    }

    private void Append(Func<object, bool> handler)
    {
        if (_catchesAll)
            throw new InvalidOperationException("A catch all handler has been added. No handler can be added after that.");
        _handlers.Add(handler);
    }
}
