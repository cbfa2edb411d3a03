using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using Akka.Actor;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Checksums of the whole state, on demand: the machine is frozen just after a mark in the log, and added up on another thread while it
/// goes on.
/// </summary>
internal sealed partial class ReplicaActor
{
    private static readonly TimeSpan MostPatience = TimeSpan.FromHours(1);

    private readonly Dictionary<Guid, ChecksumOrder> _checksums = [];

    private void OnArmChecksum(ReplicaDriver driver, ArmChecksum arm)
    {
        ShardChecksum answer = new(arm.Group, arm.Shard, _context.Self, arm.Mark, driver.Applied);
        bool armed = _checksums.ContainsKey(arm.Mark) || driver.AwaitMark(CommandEnvelope.Mark(arm.Mark), (at, view) => BeginSum(arm.Mark, at, view));
        if (!armed)
        {
            Sender.Tell(answer with { Problem = $"{ReplicaDriver.MaxMarks} checksums are being waited for" }, _self);
            return;
        }

        _checksums.TryAdd(arm.Mark, new ChecksumOrder());
        TimeSpan patience = TimeSpan.FromMilliseconds(Math.Clamp(arm.TimeoutMillis, 1, (long)MostPatience.TotalMilliseconds));
        Context.System.Scheduler.ScheduleTellOnce(patience, _self, new ForgetChecksum(arm.Mark), ActorRefs.NoSender);
        Sender.Tell(answer, _self);
    }

    private void OnGetChecksum(ReplicaDriver driver, GetChecksum get)
    {
        if (!_checksums.TryGetValue(get.Mark, out ChecksumOrder? order))
            Sender.Tell(Without(get.Mark, driver, "the replica has started anew, or waited too long"), _self);
        else if (order.Taken is { } taken)
            Sender.Tell(taken, _self);
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
        order.Asking.Clear();
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
