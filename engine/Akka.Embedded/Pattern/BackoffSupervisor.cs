using Akka.Actor;
using Akka.Event;

namespace Akka.Pattern;

/// <summary>
/// Starts its one child again after a delay that doubles with each time. What it gets goes to the child, what the child sends
/// it goes to its own parent.
/// </summary>
public sealed class BackoffSupervisor : ActorBase
{
    private readonly BackoffOptions _options;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private IActorRef _child;
    private int _restarts;
    private bool _failed;
    private bool _finalStop;

    internal BackoffSupervisor(BackoffOptions options) => _options = options;

    public static Props Props(BackoffOptions options) => Akka.Actor.Props.Create(() => new BackoffSupervisor(options));

    // A failure that would restart the child at once stops it instead, if it is to come back after a delay.
    protected override SupervisorStrategy SupervisorStrategy() => !_options.OnFailure
        ? new OneForOneStrategy(_options.Strategy.MaxNumberOfRetries, _options.Strategy.WithinTimeRangeMilliseconds, _options.Strategy.Decider)
        : new OneForOneStrategy(cause =>
        {
            Directive directive = _options.Strategy.Decider.Decide(cause);
            _failed = directive == Directive.Restart;
            return _failed ? Directive.Stop : directive;
        });

    protected override void PreStart() => Start();

    private void Start()
    {
        if (_child is not null) return;
        _failed = false;
        _child = Context.Watch(Context.ActorOf(_options.ChildProps, _options.ChildName));
    }

    protected override bool Receive(object message)
    {
        switch (message)
        {
            case StartChild:
                Start();
                if (_options.ResetAfter is { } quiet)
                    Context.System.Scheduler.ScheduleTellOnce(quiet, Self, new ResetRestartCount(_restarts), Self);
                break;
            case Reset:
                if (_options.ResetAfter is null) _restarts = 0;
                else Unhandled(message);
                break;
            case ResetRestartCount reset:
                if (reset.Current == _restarts) _restarts = 0;
                break;
            case GetRestartCount:
                Sender.Tell(new RestartCount(_restarts));
                break;
            case GetCurrentChild:
                Sender.Tell(new CurrentChild(_child ?? ActorRefs.Nobody));
                break;
            case Terminated terminated when terminated.ActorRef.Equals(_child):
                _child = null;
                ChildStopped();
                break;
            default:
                Pass(message);
                break;
        }

        return true;
    }

    private void Pass(object message)
    {
        if (_child is not null && _child.Equals(Sender))
        {
            Context.Parent.Forward(message);
            return;
        }

        bool final = _options.IsFinalStop?.Invoke(message) == true;
        if (_child is not null)
        {
            _finalStop |= final;
            _child.Forward(message);
        }
        else if (_options.Reply is not null)
        {
            Sender.Tell(_options.Reply);
        }
        else
        {
            Context.System.DeadLetters.Forward(message);
        }

        if (_child is null && final) Context.Stop(Self);
    }

    private void ChildStopped()
    {
        int limit = _options.Strategy.MaxNumberOfRetries;
        bool again = _options.OnFailure ? _failed : !_finalStop;
        if (!again || (limit >= 0 && _restarts >= limit))
        {
            if (again) _log.Debug("Terminating on restart #{0} which exceeds max allowed restarts ({1})", _restarts + 1, limit);
            Context.Stop(Self);
            return;
        }

        Context.System.Scheduler.ScheduleTellOnce(Delay(), Self, StartChild.Instance, Self);
        _restarts++;
    }

    private TimeSpan Delay()
    {
        double random = 1 + (Random.Shared.NextDouble() * _options.RandomFactor);
        double ticks = Math.Min(_options.MaxBackoff.Ticks, _options.MinBackoff.Ticks * Math.Pow(2, Math.Min(_restarts, 30))) * random;
        return TimeSpan.FromTicks((long)Math.Min(ticks, TimeSpan.FromDays(1).Ticks));
    }

    /// <summary>Asks for the child; the answer is <see cref="CurrentChild"/>.</summary>
    public sealed class GetCurrentChild
    {
        public static readonly GetCurrentChild Instance = new();
        private GetCurrentChild() { }
    }

    /// <summary>The child, or Nobody.</summary>
    public sealed class CurrentChild(IActorRef @ref)
    {
        public IActorRef Ref { get; } = @ref;
    }

    /// <summary>Lets the delays start from the least again, if that does not happen by itself.</summary>
    public sealed class Reset
    {
        public static readonly Reset Instance = new();
        private Reset() { }
    }

    /// <summary>Asks how often the child was started again; the answer is <see cref="RestartCount"/>.</summary>
    public sealed class GetRestartCount
    {
        public static readonly GetRestartCount Instance = new();
        private GetRestartCount() { }
    }

    /// <summary>How often the child was started again since the last reset.</summary>
    public sealed class RestartCount(int count)
    {
        public int Count { get; } = count;
    }

    /// <summary>The delay is over.</summary>
    public sealed class StartChild : IDeadLetterSuppression
    {
        public static readonly StartChild Instance = new();
        private StartChild() { }
    }

    /// <summary>The child has lived long enough.</summary>
    public sealed class ResetRestartCount(int current) : IDeadLetterSuppression
    {
        public int Current { get; } = current;
    }
}
