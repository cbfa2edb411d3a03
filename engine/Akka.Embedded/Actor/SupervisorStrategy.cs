using Akka.Actor.Internal;
using Akka.Configuration;
using Akka.Event;
using Akka.Util;

namespace Akka.Actor;

/// <summary>What becomes of an actor that failed.</summary>
public enum Directive
{
    /// <summary>It goes on with the next message, its state as it is.</summary>
    Resume,

    /// <summary>It is replaced by a new instance, which goes on with the next message.</summary>
    Restart,

    /// <summary>Its parent fails in its place.</summary>
    Escalate,

    /// <summary>It is stopped.</summary>
    Stop,
}

/// <summary>Chooses a directive for a failure.</summary>
public interface IDecider
{
    Directive Decide(Exception cause);
}

/// <summary>A decider made of a function.</summary>
public class LocalOnlyDecider(Func<Exception, Directive> decider) : IDecider
{
    public Directive Decide(Exception cause) => decider(cause);
}

/// <summary>Shorthands to make deciders.</summary>
public static class Decider
{
    public static LocalOnlyDecider From(Func<Exception, Directive> localOnlyDecider) => new(localOnlyDecider);
}

/// <summary>How a parent handles failures of its children.</summary>
public abstract class SupervisorStrategy
{
    /// <summary>Stops what cannot be created, was killed or lost what it watched; restarts the rest.</summary>
    public static IDecider DefaultDecider = new LocalOnlyDecider(cause => cause switch
    {
        ActorInitializationException or ActorKilledException or DeathPactException => Directive.Stop,
        _ => Directive.Restart,
    });

    public static readonly SupervisorStrategy DefaultStrategy = new OneForOneStrategy(DefaultDecider);
    public static readonly OneForOneStrategy StoppingStrategy = new(_ => Directive.Stop);

    public abstract IDecider Decider { get; }
    protected bool LoggingEnabled { get; set; } = true;

    protected abstract Directive Handle(IActorRef child, Exception exception);
    public abstract void HandleChildTerminated(IActorContext actorContext, IActorRef child, IEnumerable<IInternalActorRef> children);

    public abstract void ProcessFailure(IActorContext context, bool restart, IActorRef child, Exception cause, ChildRestartStats stats,
        IReadOnlyCollection<ChildRestartStats> children);

    /// <summary>Carries out what was decided; false if the failure is to be escalated.</summary>
    public bool HandleFailure(ActorCell actorCell, IActorRef child, Exception cause, ChildRestartStats stats,
        IReadOnlyCollection<ChildRestartStats> children)
    {
        Directive directive = Handle(child, cause);
        LogFailure(actorCell, child, cause, directive);
        switch (directive)
        {
            case Directive.Escalate:
                return false;
            case Directive.Resume:
                ResumeChild(child, cause);
                return true;
            default:
                ProcessFailure(actorCell, directive == Directive.Restart, child, cause, stats, children);
                return true;
        }
    }

    protected virtual void LogFailure(IActorContext context, IActorRef child, Exception cause, Directive directive)
    {
        if (!LoggingEnabled || directive == Directive.Escalate) return;
        string message = cause is ActorInitializationException { InnerException: { } inner } ? inner.Message : cause.Message;
        string source = child.Path.ToString();
        context.System.EventStream.Publish(directive == Directive.Resume
            ? new Warning(source, GetType(), message)
            : new Error(cause, source, GetType(), message));
    }

    protected void ResumeChild(IActorRef child, Exception exception) => ((IInternalActorRef)child).Resume(exception);

    protected void RestartChild(IActorRef child, Exception cause, bool suspendFirst)
    {
        var target = (IInternalActorRef)child;
        if (suspendFirst) target.Suspend();
        target.Restart(cause);
    }

    private protected static int Milliseconds(TimeSpan? time) =>
        time is null || time == Timeout.InfiniteTimeSpan ? -1 : (int)Math.Min(int.MaxValue, time.Value.TotalMilliseconds);

    /// <summary>What the two strategies have in common.</summary>
    public abstract class Limited : SupervisorStrategy
    {
        private protected Limited(int maxNrOfRetries, int withinTimeMilliseconds, IDecider decider, bool loggingEnabled)
        {
            MaxNumberOfRetries = maxNrOfRetries;
            WithinTimeRangeMilliseconds = withinTimeMilliseconds;
            Decider = decider;
            LoggingEnabled = loggingEnabled;
        }

        /// <summary>Restarts allowed within the time; negative: any.</summary>
        public int MaxNumberOfRetries { get; }

        /// <summary>The time, in milliseconds; negative: for ever.</summary>
        public int WithinTimeRangeMilliseconds { get; }

        public override IDecider Decider { get; }
        protected override Directive Handle(IActorRef child, Exception exception) => Decider.Decide(exception);
        public override void HandleChildTerminated(IActorContext actorContext, IActorRef child, IEnumerable<IInternalActorRef> children) { }
        private protected bool MayRestart(ChildRestartStats stats) => stats.RequestRestartPermission(MaxNumberOfRetries, WithinTimeRangeMilliseconds);
    }
}

/// <summary>A failure concerns the child that failed, and no other.</summary>
public class OneForOneStrategy : SupervisorStrategy.Limited
{
    /// <param name="maxNrOfRetries">Restarts allowed within the time range; null or a negative number: any.</param>
    /// <param name="withinTimeRange">The time range; null: for ever.</param>
    /// <param name="localOnlyDecider">What to do for an exception.</param>
    public OneForOneStrategy(int? maxNrOfRetries, TimeSpan? withinTimeRange, Func<Exception, Directive> localOnlyDecider)
        : this(maxNrOfRetries ?? -1, Milliseconds(withinTimeRange), localOnlyDecider) { }

    public OneForOneStrategy(int? maxNrOfRetries, TimeSpan? withinTimeRange, IDecider decider)
        : this(maxNrOfRetries ?? -1, Milliseconds(withinTimeRange), decider) { }

    public OneForOneStrategy(int maxNrOfRetries, int withinTimeMilliseconds, Func<Exception, Directive> localOnlyDecider, bool loggingEnabled = true)
        : this(maxNrOfRetries, withinTimeMilliseconds, new LocalOnlyDecider(localOnlyDecider), loggingEnabled) { }

    public OneForOneStrategy(int maxNrOfRetries, int withinTimeMilliseconds, IDecider decider, bool loggingEnabled = true)
        : base(maxNrOfRetries, withinTimeMilliseconds, decider, loggingEnabled) { }

    public OneForOneStrategy(Func<Exception, Directive> localOnlyDecider) : this(-1, -1, localOnlyDecider) { }
    public OneForOneStrategy(Func<Exception, Directive> localOnlyDecider, bool loggingEnabled = true) : this(-1, -1, localOnlyDecider, loggingEnabled) { }
    public OneForOneStrategy(IDecider decider) : this(-1, -1, decider) { }
    protected OneForOneStrategy() : this(DefaultDecider) { }

    public OneForOneStrategy WithMaxNrOfRetries(int maxNrOfRetries) => new(maxNrOfRetries, WithinTimeRangeMilliseconds, Decider, LoggingEnabled);

    public override void ProcessFailure(IActorContext context, bool restart, IActorRef child, Exception cause, ChildRestartStats stats,
        IReadOnlyCollection<ChildRestartStats> children)
    {
        if (restart && MayRestart(stats)) RestartChild(child, cause, suspendFirst: false);
        else context.Stop(child);
    }
}

/// <summary>A failure of one child concerns all of them.</summary>
public class AllForOneStrategy : SupervisorStrategy.Limited
{
    /// <inheritdoc cref="OneForOneStrategy(int?, TimeSpan?, Func{Exception, Directive})"/>
    public AllForOneStrategy(int? maxNrOfRetries, TimeSpan? withinTimeRange, Func<Exception, Directive> localOnlyDecider)
        : this(maxNrOfRetries ?? -1, Milliseconds(withinTimeRange), localOnlyDecider) { }

    public AllForOneStrategy(int? maxNrOfRetries, TimeSpan? withinTimeRange, IDecider decider)
        : this(maxNrOfRetries ?? -1, Milliseconds(withinTimeRange), decider) { }

    public AllForOneStrategy(int maxNrOfRetries, int withinTimeMilliseconds, Func<Exception, Directive> localOnlyDecider, bool loggingEnabled = true)
        : this(maxNrOfRetries, withinTimeMilliseconds, new LocalOnlyDecider(localOnlyDecider), loggingEnabled) { }

    public AllForOneStrategy(int maxNrOfRetries, int withinTimeMilliseconds, IDecider decider, bool loggingEnabled = true)
        : base(maxNrOfRetries, withinTimeMilliseconds, decider, loggingEnabled) { }

    public AllForOneStrategy(Func<Exception, Directive> localOnlyDecider) : this(-1, -1, localOnlyDecider) { }
    public AllForOneStrategy(IDecider decider) : this(-1, -1, decider) { }
    protected AllForOneStrategy() : this(DefaultDecider) { }

    public override void ProcessFailure(IActorContext context, bool restart, IActorRef child, Exception cause, ChildRestartStats stats,
        IReadOnlyCollection<ChildRestartStats> children)
    {
        bool allowed = restart && children.All(MayRestart);
        foreach (ChildRestartStats each in children)
        {
            if (allowed) RestartChild(each.Child, cause, suspendFirst: !child.Equals(each.Child));
            else context.Stop(each.Child);
        }
    }
}

/// <summary>Makes the strategy of the user guardian, as named by akka.actor.guardian-supervisor-strategy.</summary>
public abstract class SupervisorStrategyConfigurator
{
    public abstract SupervisorStrategy Create();

    public static SupervisorStrategyConfigurator CreateConfigurator(string typeName) =>
        (SupervisorStrategyConfigurator)Activator.CreateInstance(TypeNames.Find(typeName, "akka.actor.guardian-supervisor-strategy"))
        ?? throw new ConfigurationException($"'{typeName}' cannot be created.");
}

/// <summary>Names <see cref="SupervisorStrategy.DefaultStrategy"/> in settings.</summary>
public sealed class DefaultSupervisorStrategy : SupervisorStrategyConfigurator
{
    public override SupervisorStrategy Create() => SupervisorStrategy.DefaultStrategy;
}

/// <summary>Names <see cref="SupervisorStrategy.StoppingStrategy"/> in settings.</summary>
public class StoppingSupervisorStrategy : SupervisorStrategyConfigurator
{
    public override SupervisorStrategy Create() => SupervisorStrategy.StoppingStrategy;
}
