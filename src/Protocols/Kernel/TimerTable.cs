namespace ActorRepl.Protocols.Kernel;

/// <summary>The timers of one protocol, numbered from 1: each armed for one moment at a time and never later than it is needed.</summary>
/// <param name="count">How many there are.</param>
internal sealed class TimerTable(int count)
{
    public const long NotArmed = long.MaxValue;

    private readonly long[] _generations = new long[count + 1];
    private readonly long[] _armedFor = [.. Enumerable.Repeat(NotArmed, count + 1)];

    public bool IsArmed(int timer) => _armedFor[timer] != NotArmed;

    /// <summary>Arms a timer unless it fires at or before that moment anyway.</summary>
    public void EnsureArmed(int timer, long at, in Instant now, Effects effects)
    {
        if (_armedFor[timer] <= at)
            return;
        _armedFor[timer] = at;
        effects.Add(new Effect.Arm(new TimerId((byte)timer), ++_generations[timer], Math.Max(0, at - now.Monotonic)));
    }

    public void Disarm(int timer, Effects effects)
    {
        if (!IsArmed(timer))
            return;
        _armedFor[timer] = NotArmed;
        _generations[timer]++;
        effects.Add(new Effect.CancelTimer(new TimerId((byte)timer)));
    }

    /// <summary>It is the last that was armed, and nobody has cancelled it since.</summary>
    public bool IsCurrent(Input.Timer timer) =>
        timer.Id.Value < _generations.Length && timer.Generation == _generations[timer.Id.Value] && IsArmed(timer.Id.Value);

    public void Fired(TimerId timer) => _armedFor[timer.Value] = NotArmed;
}
