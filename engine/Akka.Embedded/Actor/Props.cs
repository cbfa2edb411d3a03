using System.Linq.Expressions;
using System.Reflection;

namespace Akka.Actor;

/// <summary>Makes actors in a way of its own, for instance from a container.</summary>
public interface IIndirectActorProducer
{
    Type ActorType { get; }
    ActorBase Produce();
    void Release(ActorBase actor);
}

/// <summary>How and where an actor is deployed.</summary>
public class Deploy
{
    public const int NoStashSize = -1;
    public static readonly string NoDispatcherGiven = string.Empty;
    public static readonly string NoMailboxGiven = string.Empty;
    public static readonly Deploy Local = new();

    public string Dispatcher { get; private init; } = NoDispatcherGiven;
    public string Mailbox { get; private init; } = NoMailboxGiven;
    public int StashCapacity { get; private init; } = NoStashSize;
    public virtual Deploy WithDispatcher(string dispatcher) => new() { Dispatcher = dispatcher, Mailbox = Mailbox, StashCapacity = StashCapacity };
    public virtual Deploy WithMailbox(string mailbox) => new() { Dispatcher = Dispatcher, Mailbox = mailbox, StashCapacity = StashCapacity };
    public virtual Deploy WithStashCapacity(int stashSize) => new() { Dispatcher = Dispatcher, Mailbox = Mailbox, StashCapacity = stashSize };
}

/// <summary>The immutable recipe of an actor: type, arguments, deployment, supervision.</summary>
public class Props
{
    public static readonly Props None = Create<NoneActor>();

    private readonly Func<ActorBase> _produce;
    private readonly IIndirectActorProducer _producer;

    public Props(Type type) : this(type, []) { }
    public Props(Type type, object[] args) : this(type, args, null, null) { }

    private Props(Type type, object[] args, Func<ActorBase> produce, IIndirectActorProducer producer)
    {
        if (!typeof(ActorBase).IsAssignableFrom(type)) throw new ArgumentException($"{type} is no actor: it must inherit {nameof(ActorBase)}.", nameof(type));
        Type = type;
        Arguments = args ?? [];
        _producer = producer;
        _produce = produce ?? (() => Activate(type, Arguments));
    }

    private Props(Props from)
    {
        Type = from.Type;
        Arguments = from.Arguments;
        Deploy = from.Deploy;
        SupervisorStrategy = from.SupervisorStrategy;
        _produce = from._produce;
        _producer = from._producer;
    }

    public Type Type { get; }
    public string TypeName => Type.AssemblyQualifiedName;
    public object[] Arguments { get; }
    public Deploy Deploy { get; private set; } = Deploy.Local;
    public SupervisorStrategy SupervisorStrategy { get; private set; }
    public string Dispatcher => Deploy.Dispatcher == Deploy.NoDispatcherGiven ? Akka.Dispatch.Dispatchers.DefaultDispatcherId : Deploy.Dispatcher;
    public string Mailbox => Deploy.Mailbox;

    /// <summary>The actor is made by the constructor in the expression; its arguments are evaluated now, once.</summary>
    public static Props Create<TActor>(Expression<Func<TActor>> factory, SupervisorStrategy supervisorStrategy = null) where TActor : ActorBase
    {
        if (factory.Body is not NewExpression { Constructor: { } constructor } creation)
            throw new ArgumentException("The factory must be of the form () => new MyActor(...).", nameof(factory));
        object[] arguments = [.. creation.Arguments.Select(Evaluate)];
        var props = new Props(typeof(TActor), arguments, () => (ActorBase)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, arguments, null), null);
        return supervisorStrategy is null ? props : props.WithSupervisorStrategy(supervisorStrategy);
    }

    public static Props Create<TActor>(params object[] args) where TActor : ActorBase => Create(typeof(TActor), args);

    public static Props Create<TActor>(SupervisorStrategy supervisorStrategy) where TActor : ActorBase, new() =>
        Create<TActor>().WithSupervisorStrategy(supervisorStrategy);

    public static Props Create(Type type, params object[] args) => new(type, args);

    public static Props CreateBy(IIndirectActorProducer producer, params object[] args) => new(producer.ActorType, args, producer.Produce, producer);

    private static object Evaluate(Expression argument) => argument is ConstantExpression constant ? constant.Value
        : Expression.Lambda<Func<object>>(Expression.Convert(argument, typeof(object))).Compile(preferInterpretation: true)();

    private static ActorBase Activate(Type type, object[] arguments)
    {
        const BindingFlags Any = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
            | BindingFlags.CreateInstance | BindingFlags.DoNotWrapExceptions;
        try
        {
            return (ActorBase)Activator.CreateInstance(type, Any, null, arguments, null);
        }
        catch (MissingMethodException e)
        {
            string given = string.Join(", ", arguments.Select(argument => argument?.GetType().Name ?? "null"));
            throw new TypeLoadException($"{type} has no constructor for ({given}).", e);
        }
    }

    public virtual ActorBase NewActor() => _produce();
    internal void Release(ActorBase actor) => _producer?.Release(actor);

    public Props WithDispatcher(string dispatcher) => new(this) { Deploy = Deploy.WithDispatcher(dispatcher) };
    public Props WithMailbox(string mailbox) => new(this) { Deploy = Deploy.WithMailbox(mailbox) };
    public Props WithStashCapacity(int stashCapacity) => new(this) { Deploy = Deploy.WithStashCapacity(stashCapacity) };
    public Props WithDeploy(Deploy deploy) => new(this) { Deploy = deploy };
    public Props WithSupervisorStrategy(SupervisorStrategy supervisorStrategy) => new(this) { SupervisorStrategy = supervisorStrategy };

    private sealed class NoneActor : ActorBase
    {
        protected override bool Receive(object message) => false;
    }
}
