using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// Epochs fence. A view is known by the control group or by any message that carries it: an epoch has one view only. Whoever hears from
/// an earlier epoch says so with its view; whoever hears from a later one asks for it.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private const long None = 0;
    private const long NotWritten = -1;

    /// <summary>The same replica is told of the same view no more often than this.</summary>
    private const long NoticeMicros = 10 * Instant.Millisecond;

    private readonly Dictionary<ReplicaId, (long Epoch, long At)> _notified = [];
    private bool _begun;
    private long _begunLsn;

    private View FirstView(IReadOnlyList<ReplicaId> replicas)
    {
        ViewMember[] members = [.. replicas.Distinct().Select(id => WithPart(new ViewMember(id, InSync: false)))];
        ViewMember[] inSync = [.. members.Select(member => member with { InSync = member.IsEligible })];
        ReplicaId primary = Array.Find(inSync, member => member.InSync).Id;
        if (primary.IsNone)
            throw new ArgumentException($"none of {string.Join(", ", replicas)} can be a primary: all are delayed or follow another member");
        return View.Create(0, primary, _options.PromiseFor(inSync.Count(member => member.InSync) - 1, inSync.Length), inSync);
    }

    private ViewMember WithPart(ViewMember member) => _options.PartOf(member.Id) is var part
        ? member with { DelayMillis = part.DelayMillis, Upstream = part.Upstream }
        : member;

    /// <summary>The view that would follow this one with these members.</summary>
    private View NextView(ReplicaId primary, IEnumerable<ViewMember> members)
    {
        ViewMember[] next = [.. members];
        int backups = next.Count(member => member.InSync) - 1, voters = next.Count(member => !member.ReadOnly);
        return View.Create(Epoch + 1, primary, _options.PromiseFor(backups, voters), next);
    }

    /// <summary>False: the message is of another epoch than this replica, which is all that was to be done with it.</summary>
    private bool IsOfThisEpoch(ReplicaId from, PrimaryBackupMessage message)
    {
        if (message is ViewNotice notice && notice.Epoch > Epoch)
            Adopt(notice.View);
        else if (message.Epoch < Epoch)
            Notify(from);
        else if (message.Epoch > Epoch)
            Send(from, new ViewRequest(Epoch));
        return message.Epoch == Epoch;
    }

    /// <summary>Tells of the view, but not with every one of many messages that come together.</summary>
    private void Notify(ReplicaId to)
    {
        bool isNew = !_notified.TryGetValue(to, out (long Epoch, long At) last) || last.Epoch != Epoch;
        if (!isNew && _now.Monotonic - last.At < NoticeMicros)
            return;
        _notified[to] = (Epoch, _now.Monotonic);
        Send(to, new ViewNotice(_view));
    }

    private void OnViewChanged(Input.ViewChanged changed)
    {
        HearControl();
        if (changed.Epoch <= Epoch || changed.View.IsEmpty)
            return;
        View view;
        try
        {
            view = View.Decode(changed.View);
        }
        catch (InvalidDataException problem)
        {
            Report($"the view of epoch {changed.Epoch} cannot be read: {problem.Message}");
            return;
        }

        if (view.Epoch == changed.Epoch)
            Adopt(view);
        else
            Report($"the view of epoch {changed.Epoch} says that it is of epoch {view.Epoch}");
    }

    private void Adopt(View view)
    {
        Invariant.That(view.Epoch > Epoch, "epochs never go back");
        bool led = _part == Part.Primary;
        _view = view;
        _sealed = _sealIsDurable = false;
        _sealLsn = None;
        _verified = _appliedWantedTo = 0;
        _record.HardStateChanged = _record.ConfigurationChanged = true;
        TakePardon();
        AbandonFetch();
        if (!IsInstalling)
            _divergedFrom = 0;
        Report($"{view}");
        bool goesOn = led && view.Primary == Self;
        if (!goesOn)
            _reads.RecallAll();
        if (view.Primary == Self && MayLead)
            BecomePrimary();
        else
            BecomeMember(led);
        ConcludeProposal();
    }

    private bool MayLead => _loss == 0 && !IsInstalling;

    private void BecomeMember(bool led)
    {
        _part = Part.Member;
        _claim = null;
        _begun = false;
        _begunLsn = None;
        _isSilent = false;
        _followers = [.. _view.Members.Where(member => member.Upstream == Self && member.Id != Self).Select(member => new Follower(member.Id))];
        foreach (Follower follower in _followers)
            follower.Begin(_log.LastIndex, _now.Monotonic);
        if (led)
            LosePrimacy();
        WatchPrimary();
    }

    // ---- promises that were lost ----

    // Kernel rule 8: what was promised may be forgotten, so nothing is promised again before a view that is later than the loss.
    private void LosePromises(string why)
    {
        if (_loss == 0)
            Report($"counts for nothing until a later view: {why}");
        _loss = 1 + _random.Next(long.MaxValue - 1);
        _record.HardStateChanged = true;
    }

    /// <summary>A view that names the loss was made after it, by a primary that counts this replica for nothing it had before.</summary>
    private void TakePardon()
    {
        if (_loss == 0 || _view.Find(Self) is not { } member || member.Pardon != _loss)
            return;
        Report("may be counted again");
        _loss = 0;
    }
}
