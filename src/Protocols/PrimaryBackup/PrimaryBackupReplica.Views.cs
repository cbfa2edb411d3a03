using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>What a replica becomes as epochs begin.</summary>
public sealed partial class PrimaryBackupReplica
{
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

    private protected override LogMessage ViewNotice() => new ViewNotice(_view);

    private protected override LogMessage ViewRequest() => new ViewRequest(Epoch);

    private protected override void Adopt(long epoch, ReadOnlyMemory<byte> view)
    {
        var later = View.Decode(view);
        if (later.Epoch == epoch)
            Adopt(later);
        else
            Report($"the view of epoch {epoch} says that it is of epoch {later.Epoch}");
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

    /// <summary>A view that names the loss was made after it, by a primary that counts this replica for nothing it had before.</summary>
    private void TakePardon()
    {
        if (_loss == 0 || _view.Find(Self) is not { } member || member.Pardon != _loss)
            return;
        Report("may be counted again");
        _loss = 0;
    }
}
