using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// A replica of a shard whose members the control group settles, in one view an epoch. Epochs fence: a view is known by the control group or by any message
/// that carries it. Whoever hears from an earlier epoch says so with its view; whoever hears from a later one asks for it.
/// </summary>
public abstract partial class ViewedReplica : LogReplica
{
    private protected const long None = 0;

    /// <summary>The same replica is told of the same view no more often than this.</summary>
    private const long NoticeMicros = 10 * Instant.Millisecond;

    private readonly Dictionary<ReplicaId, (long Epoch, long At)> _notified = [];

    private protected readonly bool _joins;
    private protected long _loss;

    /// <summary>The epoch is on this replica's disk.</summary>
    private protected bool _begun;
    private protected long _begunLsn;

    private protected ViewedReplica(ReplicaId self, ulong seed, LogOptions limits, int timers, bool joins)
        : base(self, seed, limits, timers) => _joins = joins;

    internal abstract long Epoch { get; }

    internal sealed override long CurrentTerm => Epoch;

    internal bool HasLostPromises => _loss != 0;

    /// <summary>The members of the view in force; null: none is.</summary>
    private protected abstract Membership? Members { get; }

    private protected abstract LogMessage ViewNotice();

    private protected abstract LogMessage ViewRequest();

    /// <summary>Takes a view that is later than the one in force, if it is one.</summary>
    /// <exception cref="InvalidDataException">The bytes are none.</exception>
    private protected abstract void Adopt(long epoch, ReadOnlyMemory<byte> view);

    /// <summary>False: the message is of another epoch than this replica, which is all that was to be done with it.</summary>
    private protected bool IsOfThisEpoch(ReplicaId from, LogMessage message)
    {
        if (message.Number < Epoch)
            Notify(from);
        else if (message.Number > Epoch)
            Send(from, ViewRequest());
        return message.Number == Epoch;
    }

    /// <summary>Tells of the view, but not with every one of many messages that come together.</summary>
    private void Notify(ReplicaId to)
    {
        bool isNew = !_notified.TryGetValue(to, out (long Epoch, long At) last) || last.Epoch != Epoch;
        if (!isNew && _now.Monotonic - last.At < NoticeMicros)
            return;
        _notified[to] = (Epoch, _now.Monotonic);
        Send(to, ViewNotice());
    }

    private protected override void OnOther(Input input)
    {
        if (input is not Input.ViewChanged changed)
            return;
        HearControl();
        if (changed.Epoch <= Epoch || changed.View.IsEmpty)
            return;
        try
        {
            Adopt(changed.Epoch, changed.View);
        }
        catch (InvalidDataException problem)
        {
            Report($"the view of epoch {changed.Epoch} cannot be read: {problem.Message}");
        }
    }

    private protected override void OnRecorded(long lsn)
    {
        if (_begunLsn == NotWritten)
            _begunLsn = lsn;
    }

    // Kernel rule 8: what was promised may be forgotten, so nothing is promised again before a view that is later than the loss.
    private protected void LosePromises(string why)
    {
        if (_loss == 0)
            Report($"counts for nothing until a later view: {why}");
        _loss = 1 + _random.Next(long.MaxValue - 1);
        _record.HardStateChanged = true;
    }
}
