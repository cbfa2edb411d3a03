using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.World;

/// <summary>
/// The control group as a shard sees it: a linearizable register of (epoch, view), written by compare-and-set. What is asked
/// of it and what it says takes time, is lost, or arrives late and out of order, and it is out of reach for seconds.
/// </summary>
internal sealed class SimulatedControl(SimulatedWorld world)
{
    /// <summary>Its place in the network: replicas are numbered from 1.</summary>
    public static readonly ReplicaId Id = ReplicaId.None;

    private const long Round = 5 * Instant.Millisecond;
    private const long LateBy = 2 * Instant.Second;
    private const long ToldWithin = Instant.Second;

    private long _outUntil;

    /// <summary>The newest epoch; 0 is the one the shard was made with, of which nobody is told.</summary>
    public long Epoch { get; private set; }

    private byte[] _view = [];
    private int _proposals;

    /// <summary>Some are on their way.</summary>
    public bool HasProposals => _proposals > 0;

    public void Begin() => world.After(1 + world.Random.Next(ToldWithin), TellAllAgain);

    /// <summary>No minority of it answers for so long.</summary>
    public void GoOut(long span)
    {
        world.Trace?.Write(world.Time, "", $"the control group is out for {span / Instant.Millisecond} ms");
        world.Coverage.Count(CoverageItem.ControlOutages);
        _outUntil = Math.Max(_outUntil, world.Time + span);
    }

    public void EndOutage() => _outUntil = 0;

    public void Propose(SimulatedReplica from, long expectedEpoch, byte[] view)
    {
        world.Coverage.Count(CoverageItem.ViewsProposed);
        if (IsLost(from.Id))
            return;
        _proposals++;
        bool isForced = world.Invariants.IsForced(from);
        world.After(50 + world.Random.Next(Round), () => Take(from, expectedEpoch, view, isForced));
    }

    public void Ask(SimulatedReplica from)
    {
        if (IsLost(from.Id))
            return;
        world.After(50 + world.Random.Next(Round), () =>
        {
            if (world.Time >= _outUntil)
                Answer(from, Round);
        });
    }

    /// <summary>A replica that comes back is told the newest view some time later.</summary>
    public void ReplicaStarted(SimulatedReplica replica) => world.After(1 + world.Random.Next(ToldWithin), () => Tell(replica, Round));

    private void Take(SimulatedReplica from, long expectedEpoch, byte[] view, bool isForced)
    {
        _proposals--;
        if (world.Time < _outUntil)
            return;
        if (expectedEpoch == Epoch)
            Install(from, view, isForced);
        else
            world.Coverage.Count(CoverageItem.ViewsRefused);
        Answer(from, Round);
    }

    private void Install(SimulatedReplica from, byte[] view, bool isForced)
    {
        Epoch++;
        _view = view;
        world.Trace?.Write(world.Time, "", $"the control group installs epoch {Epoch}, proposed by {from.Id}");
        world.Coverage.Count(CoverageItem.ViewsInstalled);
        world.Invariants.ViewInstalled(from, Epoch, view, isForced);
        foreach (SimulatedReplica other in world.Replicas)
        {
            if (other != from)
                Tell(other, world.Random.Chance(1, 2) ? Round : LateBy);
        }
    }

    private void TellAllAgain()
    {
        foreach (SimulatedReplica replica in world.Replicas)
            Tell(replica, Round);
        world.After(ToldWithin / 2 + world.Random.Next(ToldWithin), TellAllAgain);
    }

    private void Tell(SimulatedReplica replica, long within)
    {
        if (Epoch > 0)
            Answer(replica, within);
    }

    private void Answer(SimulatedReplica replica, long within)
    {
        if (IsLost(replica.Id))
            return;
        world.Schedule(new Event
        {
            Time = world.Time + 50 + world.Random.Next(within),
            Kind = EventKind.Input,
            Target = replica.Id.Value,
            Incarnation = Event.Any,
            Payload = new Input.ViewChanged(Epoch, _view),
        });
    }

    private bool IsLost(ReplicaId replica) =>
        world.Time < _outUntil || world.Network.IsCut(replica, Id) || world.Network.IsCut(Id, replica) || world.Chance(world.Profile.ControlDrop);
}
