using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Client;

/// <summary>
/// When and how a request that was refused is sent again by the client, beyond what routers do by themselves: they look for the leader, and send again
/// what certainly was not done, until the deadline. All attempts share the request's one deadline.
/// </summary>
public sealed record RetryPolicy
{
    /// <summary>The default: what a router refuses, the caller is told.</summary>
    public static readonly RetryPolicy None = new() { Attempts = 1 };

    /// <summary>Whatever passes by itself, and certainly was not done, until the deadline: 25 ms after the first time, twice as long after each, at most 1 s.</summary>
    public static readonly RetryPolicy Transient = new();

    /// <summary>How often it is sent at most, the first time included; from 1.</summary>
    public int Attempts { get; init; } = int.MaxValue;

    /// <summary>The pause after the first attempt; after each further one twice as long.</summary>
    public TimeSpan Backoff { get; init; } = TimeSpan.FromMilliseconds(25);

    /// <summary>The longest pause.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The part of each pause that is left to chance, 0 to 1, so that clients do not come back all at once.</summary>
    public double Jitter { get; init; } = 0.5;

    /// <summary>How long one attempt may take; null: all that is left.</summary>
    public TimeSpan? AttemptTimeout { get; init; }

    /// <summary>For which reasons; those that pass by themselves, unless told.</summary>
    public ImmutableHashSet<RejectReason> Reasons { get; init; } =
    [
        RejectReason.NotLeader, RejectReason.NoQuorum, RejectReason.Overloaded, RejectReason.Dropped, RejectReason.Unavailable, RejectReason.TooStale,
    ];

    /// <summary>
    /// Also a command whose outcome is unknown: it may be applied twice. For commands that do no harm twice; an
    /// <see cref="IReplicationSession"/> numbers its commands, and needs no such policy. Queries are sent again in any case.
    /// </summary>
    public bool EvenIfUnknown { get; init; }

    /// <summary>Whether a refused attempt is followed by another, as far as the deadline lets it.</summary>
    /// <param name="refused">Why it was not served.</param>
    /// <param name="attempt">Which it was, from 1.</param>
    /// <param name="isCommand">It changes something.</param>
    public bool Allows(ReplicationException refused, int attempt, bool isCommand)
    {
        ArgumentNullException.ThrowIfNull(refused);
        return attempt < Attempts && Reasons.Contains(refused.Rejection.Reason) && (EvenIfUnknown || !isCommand || !refused.OutcomeUnknown);
    }

    /// <summary>How long to wait after an attempt.</summary>
    /// <param name="attempt">Which it was, from 1.</param>
    /// <param name="chance">0 to 1.</param>
    public TimeSpan PauseAfter(int attempt, double chance)
    {
        TimeSpan longest = Backoff * Math.Pow(2, Math.Min(attempt - 1, 30));
        longest = longest < MaxBackoff ? longest : MaxBackoff;
        return longest * (1 - Jitter * chance);
    }

    /// <exception cref="ArgumentOutOfRangeException">Something in it is out of bounds.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Attempts, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Backoff, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxBackoff, TimeSpan.Zero);
        if (Jitter is not (>= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(Jitter), Jitter, "it must be 0 to 1");
        if (AttemptTimeout is { } each)
            ArgumentOutOfRangeException.ThrowIfLessThan(each, TimeSpan.FromMilliseconds(1));
    }
}
