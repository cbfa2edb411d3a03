using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Replica;

/// <summary>A timer's wake-up. Stale ones carry a wake number that is not the timer's last.</summary>
internal sealed record TimerWake(TimerId Timer, long Number);

/// <summary>
/// The timers of a replica. Protocols arm theirs again with every message, so a timer that moves back keeps the wake-up
/// it has: when that comes too early, the rest is slept then.
/// </summary>
internal sealed class ReplicaTimers(IScheduler scheduler, IActorRef self)
{
    // The scheduler's own tick is coarser than this; a wake-up this early counts as on time.
    private const long EarlyMicros = 500;

    private readonly Slot?[] _slots = new Slot?[256];
    private long _lastNumber;

    public void Arm(TimerId timer, long generation, long deadline, long now)
    {
        Slot slot = _slots[timer.Value] ??= new Slot();
        slot.Armed = true;
        slot.Generation = generation;
        slot.Deadline = deadline;
        if (slot.Wake is null || slot.WakeAt > deadline)
            Sleep(timer, slot, now);
    }

    public void Cancel(TimerId timer)
    {
        if (_slots[timer.Value] is { } slot)
            slot.Armed = false;
    }

    /// <summary>True when the timer has run out; otherwise it sleeps on, or the wake-up was stale.</summary>
    public bool RanOut(TimerWake wake, long now, out long generation)
    {
        Slot slot = _slots[wake.Timer.Value]!;
        generation = slot.Generation;
        if (wake.Number != slot.Number)
            return false;
        slot.Wake = null;
        if (!slot.Armed)
            return false;
        if (slot.Deadline > now + EarlyMicros)
        {
            Sleep(wake.Timer, slot, now);
            return false;
        }

        slot.Armed = false;
        return true;
    }

    public void CancelAll()
    {
        foreach (Slot? slot in _slots)
            slot?.Wake?.Cancel();
    }

    private void Sleep(TimerId timer, Slot slot, long now)
    {
        slot.Wake?.Cancel();
        slot.Wake = new Cancelable(scheduler);
        slot.WakeAt = slot.Deadline;
        slot.Number = ++_lastNumber;
        TimeSpan delay = TimeSpan.FromMicroseconds(Math.Max(0, slot.Deadline - now));
        scheduler.ScheduleTellOnce(delay, self, new TimerWake(timer, slot.Number), self, slot.Wake);
    }

    private sealed class Slot
    {
        public bool Armed;
        public long Generation;
        public long Deadline;
        public long Number;
        public long WakeAt;
        public ICancelable? Wake;
    }
}
