using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>What must have happened before a command is acknowledged, with nothing left open.</summary>
/// <param name="Level">Who must have it.</param>
/// <param name="Backups">For <see cref="AckLevel.SemiSync"/>: how many; the promise of the view counts where it is more.</param>
/// <param name="Reach">How far they must have got.</param>
/// <param name="TimeoutMicros">How long to wait for them.</param>
/// <param name="Degrades">What then: it counts as Async; else it is refused.</param>
internal readonly record struct Ask(AckLevel Level, int Backups, AckReach Reach, long TimeoutMicros, bool Degrades)
{
    /// <summary>What an entry asks for that nobody waits for: only what the view promises.</summary>
    public static readonly Ask Promised = new(AckLevel.SemiSync, 0, AckReach.Durable, 0, Degrades: false);

    /// <summary>
    /// Nothing of the invariant keeps it: it is answered only under a lease. What is in a backup's memory alone may be lost with it.
    /// </summary>
    public bool NeedsLease => Level == AckLevel.Async || Reach == AckReach.Received;
}

/// <summary>Consecutive entries that ask for the same.</summary>
internal sealed class AskRun(long epoch, long first, long last, Ask ask, long deadline)
{
    /// <summary>The epoch they were made in.</summary>
    public long Epoch => epoch;
    public long First => first;
    public long Last => last;

    /// <summary>When the wait for backups ends, on the monotonic clock; <see cref="long.MaxValue"/>: never.</summary>
    public long Deadline { get; private set; } = deadline;
    public Ask Ask { get; private set; } = ask;

    /// <summary>Nobody waits for the backups any more: from now on it counts as Async.</summary>
    public void GiveUp()
    {
        Ask = Ask with { Level = AckLevel.Async };
        Deadline = long.MaxValue;
    }
}

/// <summary>What the entries ask for that are not yet applied at the primary, in the order of the log.</summary>
internal sealed class AskQueue
{
    private readonly Queue<AskRun> _open = new();
    private readonly Queue<AskRun> _committed = new();

    public void Clear()
    {
        _open.Clear();
        _committed.Clear();
    }

    public void Add(AskRun run)
    {
        _open.Enqueue(run);
        WantsReceived |= run.Ask.Reach == AckReach.Received;
        WantsApplied |= run.Ask.Reach == AckReach.Applied;
    }

    /// <summary>Somebody waits for word that entries have arrived, or are applied.</summary>
    public bool WantsReceived { get; private set; }
    public bool WantsApplied { get; private set; }

    /// <summary>All that are not wholly committed.</summary>
    public Queue<AskRun> Open => _open;

    /// <summary>The first entries that are not all committed.</summary>
    public bool TryPeekOpen(out AskRun run) => _open.TryPeek(out run!);

    /// <summary>The first of them are all committed.</summary>
    public void Commit() => _committed.Enqueue(_open.Dequeue());

    /// <summary>The first entries that are not all applied.</summary>
    public bool TryPeekUnapplied(out AskRun run) => _committed.TryPeek(out run!) || _open.TryPeek(out run!);

    /// <summary>The first of the committed ones are all applied.</summary>
    public void Apply()
    {
        _committed.Dequeue();
        if (_committed.Count == 0 && _open.Count == 0)
            WantsReceived = WantsApplied = false;
    }

    /// <summary>Tells of all whose time for acknowledgements is over, each once; says when the next one's is.</summary>
    public long Expire(long now, Action<AskRun> late)
    {
        long next = long.MaxValue;
        foreach (Queue<AskRun> queue in (Queue<AskRun>[])[_committed, _open])
        {
            foreach (AskRun run in queue)
            {
                if (run.Deadline <= now)
                    late(run);
                next = Math.Min(next, run.Deadline);
            }
        }

        return next;
    }
}
