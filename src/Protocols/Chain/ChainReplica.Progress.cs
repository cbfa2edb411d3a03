using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Protocols.Chain;

/// <summary>What the head measures of the others, the mode that follows from it, and which link is slow.</summary>
public sealed partial class ChainReplica
{
    private const int MostSlow = 7;

    // Whoever sent the request on looks for the one that may serve it by now, until the deadline.
    private static readonly Rejection CutOff = new(RejectReason.Unavailable, Detail: "no other link answers: the chain may be another by now");

    private ShardModes? _modes;

    private ReplicaMode Mode => IsHead ? _modes?.Mode ?? ReplicaMode.None : _view.Head == Self && !Orders ? ReplicaMode.Floor : ReplicaMode.None;

    private string ModeReason => IsHead ? _modes?.Reason ?? "" : _view.Head == Self && !Orders ? $"no head: {Self} waits for the next view" : "";

    /// <summary>None of the other links is heard of: they may have another chain by now.</summary>
    private bool IsCutOff => _view.Links.Length > 1 && Acts && Array.TrueForAll(_peers, peer => !peer.IsLink || IsDead(peer));

    /// <summary>With each beat of a link.</summary>
    private void Measure()
    {
        foreach (Downstream downstream in _downstreams)
        {
            bool keepsUp = downstream.Mode == DownstreamMode.Stream && _log.BytesAfter(Math.Max(downstream.Durable, _log.BaseIndex)) <= _options.SlowBytes;
            downstream.KeepsUpSince = !keepsUp ? 0 : downstream.KeepsUpSince == 0 ? _now.Monotonic : downstream.KeepsUpSince;
        }

        if (!IsHead)
            return;
        for (int i = 1; i < _view.Links.Length; i++)
            SeeWhetherSlow(FindPeer(_view.Links[i])!, i == 1 ? _durable.LastIndex : FindPeer(_view.Links[i - 1])!.Durable);
        _modes ??= new ShardModes(_options.Modes);
        int wanted = _view.Members.Count(member => member.Id != Self && !member.ReadOnly);
        int least = Math.Min(wanted, Math.Max(_options.MinLinksToWrite - 1, _options.Modes.FloorReplicas));
        var sample = new ModeSample(Progress(), wanted, least, _log.LastIndex) { MayNotLead = IsCutOff };
        foreach (ModeEvent change in _modes.Observe(sample, _now.Monotonic))
            Report(change.ToString());
    }

    // ---- slow links ----

    /// <summary>A link is slow by what its predecessor has on disk and it has not: those behind it wait no less, and are not to blame.</summary>
    private void SeeWhetherSlow(Peer peer, long predecessorHas)
    {
        long from = Math.Max(peer.Durable, _log.BaseIndex);
        long bytes = Math.Max(0, _log.BytesAfter(from) - _log.BytesAfter(Math.Max(predecessorHas, from)));
        bool isLate = from < predecessorHas && _log.WallAfter(from) is > 0 and var since && _now.Wall - since > _options.SlowMicros;
        if (!peer.HasAnswered || IsDead(peer) || !(isLate || bytes > _options.SlowBytes))
        {
            if (peer.IsReportedSlow)
                Report($"{peer.Id} keeps up again");
            (peer.SlowSince, peer.IsReportedSlow) = (0, false);
            return;
        }

        if (peer.SlowSince == 0)
            peer.SlowSince = _now.Monotonic;
        if (peer.IsReportedSlow || _now.Monotonic - peer.SlowSince < _options.SlowAfterMicros)
            return;
        peer.IsReportedSlow = true;
        _viewMayBeDue = true;
        Report($"{peer.Id} is slow: {bytes} bytes of log that its predecessor has are not on its disk{(IsTooSlow(peer) ? "; it is taken out of the chain" : "")}");
    }

    /// <summary>By policy it is taken out of the chain, which stays long enough.</summary>
    private bool IsTooSlow(Peer peer) => _options.RemoveSlow && peer.IsReportedSlow && IsHead
        && _peers.Count(other => other.IsLink && !other.IsReportedSlow && !IsDead(other)) + 1 >= Math.Max(2, _options.MinLinksToWrite);

    /// <summary>It has been a link, and kept up, for longer than the longest that one which was slow has to wait: that is forgotten with the next view.</summary>
    private bool HasProvenItself(Peer? peer) => IsHead && peer is { IsLink: true, SlowSince: 0 } && _now.Monotonic - peer.Since >= _options.RejoinAfterMicros << (MostSlow - 1);

    private FollowerProgress[] Progress() => !IsHead ? [] : [.. _peers.Select(ProgressOf)];

    private FollowerProgress ProgressOf(Peer peer)
    {
        long reached = Math.Clamp(peer.Durable, _log.BaseIndex, _log.LastIndex);
        return new FollowerProgress(peer.Id, Math.Max(peer.Verified, peer.Durable), peer.Verified, peer.Durable, peer.Applied)
        {
            InSync = peer.IsLink && peer.Loss == 0,
            IsEligible = _view.Find(peer.Id) is { ReadOnly: false },
            Slow = peer.IsReportedSlow,
            LagEntries = Math.Max(0, _log.LastIndex - peer.Durable),
            LagBytes = _log.BytesAfter(reached),
            LagMicros = _log.WallAfter(reached) is > 0 and var since ? Math.Max(0, _now.Wall - since) : 0,
            // The beat that is on its way may yet come.
            MissedBeats = (int)Math.Clamp((_now.Monotonic - peer.HeardAt) / _options.HeartbeatMicros - 1, 0, int.MaxValue),
            CatchUpMicros = _modes?.CatchUpMicros(peer.Id),
        };
    }
}
