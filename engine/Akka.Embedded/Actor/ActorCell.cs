using Akka.Actor.Internal;
using Akka.Dispatch;
using Akka.Dispatch.SysMsg;
using Akka.Event;

namespace Akka.Actor;

/// <summary>
/// All that an actor is besides its own code: mailbox, children, behaviours, watches. Every method but <see cref="Start"/>,
/// <see cref="AttachChild"/> and the lookups runs in the actor's own run.
/// </summary>
public sealed partial class ActorCell : IUntypedActorContext
{
    [ThreadStatic]
    private static ActorCell _current;

    private readonly IInternalActorRef _self;
    private ActorBase _actor;
    private Receive _behavior;
    private Stack<Receive> _below;
    private long _envelopeId;

    internal ActorCell(ActorSystemImpl system, IInternalActorRef self, Props props, MessageDispatcher dispatcher, IInternalActorRef parent)
    {
        SystemImpl = system;
        _self = self;
        Props = props;
        Dispatcher = dispatcher;
        Parent = parent;
        Mailbox = new Mailbox(this, dispatcher);
    }

    /// <summary>The cell whose actor this thread runs, or null.</summary>
    internal static ActorCell Current => _current;

    internal ActorSystemImpl SystemImpl { get; }
    internal Mailbox Mailbox { get; }
    internal ChildTable Children { get; } = new();
    public Props Props { get; }
    public MessageDispatcher Dispatcher { get; }
    public IInternalActorRef Parent { get; }
    public IActorRef Self => _self;
    public ActorSystem System => SystemImpl;
    IActorRef IActorContext.Parent => Parent;
    public IActorRef Sender { get; internal set; }

    /// <summary>The message being handled, or null between messages.</summary>
    public object CurrentMessage { get; internal set; }

    /// <summary>Differs for each message handled.</summary>
    internal long CurrentEnvelopeId => _envelopeId;

    public bool IsTerminated => Mailbox.IsClosed;

    internal static ActorCell Enter(ActorCell cell)
    {
        ActorCell before = _current;
        _current = cell;
        return before;
    }

    internal static void Leave(ActorCell before) => _current = before;

    public static IActorRef GetCurrentSelfOrNoSender() => _current?._self;

    public static IActorRef GetCurrentSenderOrNoSender() => _current?.Sender;

    internal void Start() => Mailbox.Start();

    // Messages

    internal void Invoke(object message, IActorRef sender)
    {
        _envelopeId++;
        CurrentMessage = message;
        Sender = sender ?? SystemImpl.DeadLetters;
        try
        {
            if (message is IAutoReceivedMessage) AutoReceive(message);
            else _actor.InvokeAroundReceive(_behavior, message);
        }
        catch (Exception e)
        {
            HandleInvokeFailure(e);
            return;
        }

        if (_receiveTimeout is not null) TouchReceiveTimeout(message);
        if (_tasks == 0) CurrentMessage = null;
    }

    private void AutoReceive(object message)
    {
        switch (message)
        {
            case PoisonPill:
                _self.Stop();
                break;
            case Kill:
                throw new ActorKilledException("Kill");
            case Identify identify:
                Sender.Tell(new ActorIdentity(identify.MessageId, Self), Self);
                break;
            case Terminated terminated:
                ReceiveTerminated(terminated);
                break;
            case TimerScheduler.TimerMessage timer:
                if (_timers?.Unwrap(timer) is { } due) ReceiveUnwrapped(due);
                break;
            case ActorSelectionMessage selection:
                Akka.Actor.ActorSelection.Deliver(_self, Sender, selection);
                break;
            default:
                _actor.InvokeAroundReceive(_behavior, message);
                break;
        }
    }

    /// <summary>Handles what came inside another message.</summary>
    private void ReceiveUnwrapped(object message)
    {
        CurrentMessage = message;
        if (message is IAutoReceivedMessage and not TimerScheduler.TimerMessage) AutoReceive(message);
        else _actor.InvokeAroundReceive(_behavior, message);
    }

    /// <summary>A message came too late. A dead letter to a dead subscriber of dead letters is nobody's.</summary>
    internal void DeadLetter(object message, IActorRef sender)
    {
        if (message is not AllDeadLetters)
            SystemImpl.DeadLetters.Tell(new DeadLetter(message, sender ?? SystemImpl.DeadLetters, Self), sender);
    }

    // Behaviours

    public void Become(Receive receive) => _behavior = receive;

    public void BecomeStacked(Receive receive)
    {
        (_below ??= new Stack<Receive>()).Push(_behavior);
        _behavior = receive;
    }

    public void UnbecomeStacked() => _behavior = _below is { Count: > 0 } ? _below.Pop() : _actor.InitialBehavior;

    void IUntypedActorContext.Become(UntypedReceive receive) => Become(Handled(receive));
    void IUntypedActorContext.BecomeStacked(UntypedReceive receive) => BecomeStacked(Handled(receive));

    private static Receive Handled(UntypedReceive receive) => message =>
    {
        receive(message);
        return true;
    };

    // Instance

    private ActorBase NewActor()
    {
        ActorBase actor = Props.NewActor()
            ?? throw new ActorInitializationException(Self, "the factory of the actor returned null");
        if (actor is IActorStash stashing) stashing.Stash = new ActorStash(this, StashCapacityOf(actor));
        if (actor is IInitializableActor initializable) initializable.Init();
        if (actor is IWithTimers timed) timed.Timers = _timers = new TimerScheduler(this);
        _behavior = actor.InitialBehavior;
        _below = null;
        return actor;
    }

    private int StashCapacityOf(ActorBase actor) => actor is IWithUnrestrictedStash and not (IWithStash or IWithBoundedStash) ? -1
        : Props.Deploy.StashCapacity >= 0 ? Props.Deploy.StashCapacity : SystemImpl.Settings.StashCapacity;

    /// <summary>Lets go of the instance: what it had stashed goes back to the mailbox, or to the dead letters.</summary>
    private void ClearActor()
    {
        if (_actor is null) return;
        if (_actor is IActorStash { Stash: { } stash }) stash.UnstashAll();
        CancelTimers();
        Props.Release(_actor);
        _behavior = null;
        _below = null;
        _timers = null;
        CurrentMessage = null;
        _actor = null;
    }

    internal void CancelTimers() => _timers?.CancelAll();

    // Children

    public IActorRef ActorOf(Props props, string name = null) => AttachChild(props, isSystemService: false, name);

    /// <summary>Creates a child. The guardians' children are created from any thread.</summary>
    internal IActorRef AttachChild(Props props, bool isSystemService, string name = null)
    {
        ArgumentNullException.ThrowIfNull(props);
        if (name is null) name = Children.NextName();
        else if (!ActorPath.IsValidPathElement(name))
            throw new InvalidActorNameException($"Illegal actor name [{name}]. It must not be empty nor start with '$', and may hold ASCII letters, digits and {ActorPath.ValidSymbols}");
        ActorPath path = new ChildActorPath(Self.Path, name, ActorPath.NewUid());
        IInternalActorRef child = Children.Add(name, () =>
            SystemImpl.Provider.ActorOf(SystemImpl, props, _self, path, isSystemService, props.Deploy, lookupDeploy: true, async: false));
        child.Start();
        return child;
    }

    public IActorRef Child(string name) => Children.Find(name) ?? ActorRefs.Nobody;
    public IEnumerable<IActorRef> GetChildren() => Children.All().Select(stats => (IActorRef)stats.Child);
    public ActorSelection ActorSelection(ActorPath path) => SystemImpl.ActorSelection(path);
    public ActorSelection ActorSelection(string path) => Akka.Actor.ActorSelection.Of(path, SystemImpl, _self);

    public void Stop(IActorRef child)
    {
        if (Children.Find(child) is { } stats) stats.Stopping = true;
        ((IInternalActorRef)child).Stop();
    }

    public override string ToString() => Self.ToString();
}
