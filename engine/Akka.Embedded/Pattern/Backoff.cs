using Akka.Actor;

namespace Akka.Pattern;

/// <summary>How a <see cref="BackoffSupervisor"/> treats its child.</summary>
public static class Backoff
{
    /// <summary>The child is started again, after a growing delay, when it has stopped. Failures are left to the strategy.</summary>
    public static BackoffOptions OnStop(Props childProps, string childName, TimeSpan minBackoff, TimeSpan maxBackoff, double randomFactor, int maxNrOfRetries) =>
        BackoffOptions.Create(childProps, childName, minBackoff, maxBackoff, randomFactor, maxNrOfRetries, onFailure: false);

    /// <summary>The child is started again, after a growing delay, when it has failed. When it stops, so does the supervisor.</summary>
    public static BackoffOptions OnFailure(Props childProps, string childName, TimeSpan minBackoff, TimeSpan maxBackoff, double randomFactor, int maxNrOfRetries) =>
        BackoffOptions.Create(childProps, childName, minBackoff, maxBackoff, randomFactor, maxNrOfRetries, onFailure: true);
}

/// <summary>The options of a <see cref="BackoffSupervisor"/>; immutable.</summary>
public sealed record BackoffOptions
{
    private BackoffOptions() { }

    internal Props ChildProps { get; init; }
    internal string ChildName { get; init; }
    internal TimeSpan MinBackoff { get; init; }
    internal TimeSpan MaxBackoff { get; init; }
    internal double RandomFactor { get; init; }
    internal bool OnFailure { get; init; }
    internal OneForOneStrategy Strategy { get; init; }
    internal object Reply { get; init; }
    internal Func<object, bool> IsFinalStop { get; init; }

    /// <summary>After this time without a failure the delays start from the least again; null: only when told to.</summary>
    internal TimeSpan? ResetAfter { get; init; }

    internal static BackoffOptions Create(Props childProps, string childName, TimeSpan minBackoff, TimeSpan maxBackoff, double randomFactor, int maxNrOfRetries, bool onFailure)
    {
        if (minBackoff <= TimeSpan.Zero) throw new ArgumentException("MinBackoff must be greater than 0", nameof(minBackoff));
        if (maxBackoff < minBackoff) throw new ArgumentException("MaxBackoff must be greater than MinBackoff", nameof(maxBackoff));
        if (randomFactor is < 0 or > 1) throw new ArgumentException("RandomFactor must be between 0.0 and 1.0", nameof(randomFactor));
        return new BackoffOptions
        {
            ChildProps = childProps,
            ChildName = childName,
            MinBackoff = minBackoff,
            MaxBackoff = maxBackoff,
            RandomFactor = randomFactor,
            OnFailure = onFailure,
            ResetAfter = minBackoff,
            Strategy = new OneForOneStrategy(SupervisorStrategy.DefaultDecider).WithMaxNrOfRetries(maxNrOfRetries),
        };
    }

    public BackoffOptions WithAutoReset(TimeSpan resetBackoff) => this with { ResetAfter = resetBackoff };
    public BackoffOptions WithManualReset() => this with { ResetAfter = null };
    public BackoffOptions WithSupervisorStrategy(OneForOneStrategy supervisorStrategy) => this with { Strategy = supervisorStrategy };
    public BackoffOptions WithMaxNrOfRetries(int maxNrOfRetries) => this with { Strategy = Strategy.WithMaxNrOfRetries(maxNrOfRetries) };

    /// <summary>Any failure stops the child.</summary>
    public BackoffOptions WithDefaultStoppingStrategy() =>
        this with { Strategy = new OneForOneStrategy(Strategy.MaxNumberOfRetries, -1, SupervisorStrategy.StoppingStrategy.Decider) };

    /// <summary>What is answered while there is no child; by default such messages go to the dead letters.</summary>
    public BackoffOptions WithReplyWhileStopped(object replyWhileStopped) => this with { Reply = replyWhileStopped };

    /// <summary>After such a message the child's stop is final.</summary>
    public BackoffOptions WithFinalStopMessage(Func<object, bool> isFinalStopMessage) => this with { IsFinalStop = isFinalStopMessage };
}
