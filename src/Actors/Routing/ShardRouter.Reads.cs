using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>
/// Reads that any replica may answer: which one each goes to by its preference, and where to when that one cannot.
/// </summary>
internal sealed partial class ShardRouter
{
    private static readonly ReadFrom[] Preferences = Enum.GetValues<ReadFrom>();

    private int _turn;

    private void SendReads()
    {
        if (_forAny.Count == 0)
            return;
        foreach (ReadFrom from in Preferences)
        {
            Queue<Call> queue = _forAny.Take(from);
            if (queue.Count == 0)
                continue;
            if (queue.All(call => call.Avoid.IsNone))
            {
                SendReads(from, ReplicaId.None, queue);
                continue;
            }

            foreach (IGrouping<ReplicaId, Call> alike in queue.GroupBy(call => call.Avoid))
                SendReads(from, alike.Key, new Queue<Call>(alike));
        }
    }

    private void SendReads(ReadFrom from, ReplicaId avoid, Queue<Call> reads)
    {
        if (Target(from, avoid) is { } target)
            Send(reads, target);
        else
            Rest(reads.Where(IsWaiting));
    }

    /// <summary>Null: there is nobody, for now.</summary>
    private RouterTarget? Target(ReadFrom from, ReplicaId avoid) => from switch
    {
        ReadFrom.PrimaryPreferred => Reader ?? Nearest(others: false, avoid),
        ReadFrom.Secondary => Nearest(others: true, avoid),
        ReadFrom.SecondaryPreferred => Nearest(others: true, avoid) ?? Reader,
        ReadFrom.Nearest => Nearest(others: false, avoid),
        _ => Here(others: false, ReplicaId.None) ?? Reader ?? Nearest(others: false, avoid) ?? _targets.Values.FirstOrDefault(),
    };

    private IEnumerable<RouterTarget> Fit(bool others) =>
        _targets.Values.Where(target => target is { Suspect: false, HoldsState: true } && (target.Heard || !_isLeaderless) && !(others && ReferenceEquals(target, Reader)));

    /// <summary>This node's own replica, if it may answer: nothing is nearer.</summary>
    private RouterTarget? Here(bool others, ReplicaId avoid)
    {
        foreach (RouterTarget target in _targets.Values)
        {
            if (target is { Local: true, Suspect: false, HoldsState: true } && target.Node != avoid && !(others && ReferenceEquals(target, Reader)))
                return target;
        }

        return null;
    }

    private RouterTarget? Nearest(bool others, ReplicaId avoid)
    {
        if (Here(others, avoid) is { } here)
            return here;
        RouterTarget[] fit = [.. Fit(others)];
        if (fit.Any(target => target.Node != avoid))
            fit = [.. fit.Where(target => target.Node != avoid)];
        if (fit.Length <= 1)
            return fit.FirstOrDefault();
        int distance = fit.Min(Distance);
        RouterTarget[] near = [.. fit.Where(target => Distance(target) == distance).OrderBy(target => target.Node)];
        long fastest = near.Min(target => target.AnswerMicros);
        RouterTarget[] fast = [.. near.Where(target => target.AnswerMicros <= fastest + (long)_settings.Router.AboutAsFast.TotalMicroseconds)];
        return fast[(int)((uint)_turn++ % (uint)fast.Length)];
    }

    /// <summary>0: this node; 1: its rack; 2: its region; 3: elsewhere.</summary>
    private int Distance(RouterTarget target)
    {
        if (target.Local)
            return 0;
        if (_locator.Nodes.Find(_settings.Self) is not { } here || _locator.Nodes.Find(target.Node) is not { } there || here.Region != there.Region)
            return 3;
        return here.Rack == there.Rack ? 1 : 2;
    }

    /// <summary>The replica has no leader to ask, is cut off or too far behind, or has another history than the session: another one may do.</summary>
    private void OnUnfit(RouterTarget target, Call call, in Rejection why)
    {
        bool isFinal = ReferenceEquals(target, Reader);
        if (why.Reason == RejectReason.NotLeader)
            OnElsewhere(target, call, why.Leader);
        else if (isFinal)
        {
            Fail(call, why);
            return;
        }

        if (call.From != ReadFrom.Secondary)
        {
            // The leader, or the last of the links, has all there is.
            call.ForLeader = true;
            Return(call, why);
            return;
        }

        call.Avoid = target.Node;
        if (why.Reason is RejectReason.NotLeader or RejectReason.Unavailable)
            Rest(call, why);
        else if (++call.TooStale >= Fit(others: true).Count())
            Fail(call, why);
        else
            Return(call, why);
    }

    // Tried again when it looks for a leader next, or knows one: nobody could answer at once.
    private void Rest(Call call, in Rejection why)
    {
        call.SentTo = ReplicaId.None;
        call.LastRejection = why;
        Rest([call]);
    }

    private void Rest(IEnumerable<Call> calls)
    {
        _resting.AddRange(calls);
        if (_resting.Count > 0)
            ScheduleLook();
    }

    private void WakeResting()
    {
        if (_resting.Count == 0)
            return;
        _returned.AddRange(_resting);
        _resting.Clear();
        ScheduleFlush();
    }
}
