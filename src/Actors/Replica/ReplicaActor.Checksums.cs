using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using Akka.Actor;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Checksums of the whole state, and the state itself for whoever exports it, on demand: the machine is frozen just after a mark in the log, and
/// read on another thread while it goes on.
/// </summary>
internal sealed partial class ReplicaActor
{
    private static readonly TimeSpan MostPatience = TimeSpan.FromHours(1);

    private readonly Dictionary<Guid, ChecksumOrder> _checksums = [];

    /// <summary>None that replicas have in common: their states are added up as they are when that is asked.</summary>
    private bool HasNoLog => _context.Group.Protocol.IsLeaderless;

    private void OnArmChecksum(ReplicaDriver driver, ArmChecksum arm)
    {
        ShardChecksum answer = new(arm.Group, arm.Shard, _context.Self, arm.Mark, driver.Applied);
        bool armed = _checksums.ContainsKey(arm.Mark) || (HasNoLog ? _checksums.Count < ReplicaDriver.MaxMarks : driver.AwaitMark(CommandEnvelope.Mark(arm.Mark), (at, view) => BeginSum(arm.Mark, at, view)));
        if (!armed)
        {
            Sender.Tell(answer with { Problem = $"{ReplicaDriver.MaxMarks} checksums are being waited for" }, _self);
            return;
        }

        if (_checksums.TryAdd(arm.Mark, new ChecksumOrder()) && HasNoLog)
            driver.Freeze((at, view) => BeginSum(arm.Mark, at, view));
        TimeSpan patience = TimeSpan.FromMilliseconds(Math.Clamp(arm.TimeoutMillis, 1, (long)MostPatience.TotalMilliseconds));
        Context.System.Scheduler.ScheduleTellOnce(patience, _self, new ForgetChecksum(arm.Mark), ActorRefs.NoSender);
        Sender.Tell(answer, _self);
    }

    private void OnFreeze(ReplicaDriver driver, FreezeShard freeze)
    {
        if (!driver.AwaitMark(CommandEnvelope.Mark(freeze.Mark), freeze.Reach))
        {
            freeze.Refuse($"{ReplicaDriver.MaxMarks} marks are being waited for");
            return;
        }

        Context.System.Scheduler.ScheduleTellOnce(freeze.Patience, _self, new ForgetChecksum(freeze.Mark), ActorRefs.NoSender);
        freeze.Arm();
    }

    private void OnGetChecksum(ReplicaDriver driver, GetChecksum get)
    {
        if (!_checksums.TryGetValue(get.Mark, out ChecksumOrder? order))
            Sender.Tell(Without(get.Mark, driver, "the replica has started anew, or waited too long"), _self);
        else if (order.Taken is { } taken)
        {
            Sender.Tell(taken, _self);
            Told(get.Mark);
        }
        else
            order.Asking.Add(Sender);
    }

    private void BeginSum(Guid mark, LogPosition at, ICheckpointView view)
    {
        IActorRef self = _self;
        var result = new ShardChecksum(_context.Group.Name, _context.Shard, _context.Self, mark, at);
        _ = Task.Run(() =>
        {
            using (view)
            {
                try
                {
                    self.Tell(result with { Sum = view.Checksum() }, ActorRefs.NoSender);
                }
                catch (Exception problem)
                {
                    self.Tell(result with { Problem = problem.Message }, ActorRefs.NoSender);
                }
            }
        });
    }

    private void OnChecksumTaken(ShardChecksum taken)
    {
        if (!_checksums.TryGetValue(taken.Mark, out ChecksumOrder? order))
            return;
        order.Taken = taken;
        foreach (IActorRef asker in order.Asking)
            asker.Tell(taken, _self);
        if (order.Asking.Count > 0)
            Told(taken.Mark);
        order.Asking.Clear();
    }

    /// <summary>What is of a moment and of no entry is asked for anew the next time.</summary>
    private void Told(Guid mark)
    {
        if (HasNoLog)
            _checksums.Remove(mark);
    }

    private void OnForgetChecksum(ReplicaDriver driver, Guid mark)
    {
        driver.ForgetMark(CommandEnvelope.Mark(mark));
        if (!_checksums.Remove(mark, out ChecksumOrder? order))
            return;
        foreach (IActorRef asker in order.Asking)
            asker.Tell(Without(mark, driver, $"it has applied {driver.Applied} and not reached the mark in time"), _self);
    }

    private ShardChecksum Without(Guid mark, ReplicaDriver driver, string problem) =>
        new(_context.Group.Name, _context.Shard, _context.Self, mark, driver.Applied) { Problem = problem };

    private sealed class ChecksumOrder
    {
        public List<IActorRef> Asking { get; } = [];
        public ShardChecksum? Taken { get; set; }
    }

    /// <summary>To self: whoever ordered it has given up by now.</summary>
    private sealed record ForgetChecksum(Guid Mark);
}
