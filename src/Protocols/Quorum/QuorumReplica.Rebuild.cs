using System.Numerics;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>A replica that lost something, or was away for too long, answers nothing until it was compared with enough of the others.</summary>
public sealed partial class QuorumReplica
{
    private bool _isStandingKnown;
    private bool _hasTakenNewNumbers;
    // The update that _rebuildIndex is of says that something was lost.
    private bool _rebuildsLost;

    /// <summary>It may lack what it had acknowledged, or have what is deleted, and answers no reads.</summary>
    public bool IsRebuilding => _hard.Lost || _standingIndex < _rebuildIndex || _standing.Compared is not null;

    /// <summary>It may have forgotten what it had acknowledged.</summary>
    private bool HasLost => _hard.Lost || (_standingIndex < _rebuildIndex && _rebuildsLost) || _standing is { Compared: not null, Reason: RebuildReason.Lost };

    /// <summary>The others of which some key that is read here has a copy.</summary>
    private IEnumerable<ReplicaId> Sharers => OwnRanges.SelectMany(owners => owners.Those(owners.Readers.Mask)).Where(id => id != Self).Distinct();

    private IEnumerable<KeyOwners> OwnRanges => _placement.All.Where(owners => owners.MayRead(Self));

    private void Rebuild(RebuildReason reason, string why, Effects effects)
    {
        effects.Add(new Effect.Report($"{why}: this replica answers no reads until it was compared with enough of the others"));
        if (reason == RebuildReason.Lost)
            ForgetOwnNumbers();
        _rebuildsLost = reason == RebuildReason.Lost;
        _rebuildIndex = NextIndex;
        Update(new StoreUpdate.Rebuild(reason));
        ArmRepairs(effects);
    }

    // A number under the old name would cover earlier ones whose values it does not know any more.
    private void ForgetOwnNumbers()
    {
        _hard = _hard with { Generation = NewGeneration() };
        _source = new VersionSource(Self, _hard.Generation);
        _writesHardState = true;
    }

    // A key's versions name numbers of this replica's that it has not given: they came with a forged context, or of a disk that was put back from an older copy.
    // Once a start it takes new ones for that; more often, whoever forges them would give all keys ever more sources.
    private bool TryTakeNewNumbers()
    {
        if (_hasTakenNewNumbers)
            return false;
        _hasTakenNewNumbers = true;
        ForgetOwnNumbers();
        return true;
    }

    private static Rejection NumbersNotGiven { get; } =
        new(RejectReason.Unavailable, Detail: "the key's versions name numbers that this replica has not given, and it has taken new ones before; another owner may write the key");

    /// <summary>At a start: a replica that was away for longer than deletions are remembered has to be rebuilt.</summary>
    private void ConsiderAbsence(in Instant now, Effects effects)
    {
        if (_isStandingKnown)
            return;
        _isStandingKnown = true;
        long away = now.Wall - _standing.AliveAt;
        if (_standing.AliveAt > 0 && away > _options.GraceMicros && _standing.Compared is null && !_hard.Lost && _rebuildIndex <= _standingIndex && Sharers.Any())
            Rebuild(RebuildReason.Absent, $"it was away for {away / Instant.Second} s, and deletions are remembered for {_options.GraceMicros / Instant.Second}", effects);
    }

    /// <summary>Each time it is known with whom it was compared.</summary>
    private void ConsiderWhole(Effects effects)
    {
        if (_hard.Lost || _standingIndex < _rebuildIndex || _standing.Compared is not { } compared)
            return;
        ReplicaId[] lacking = [.. _standing.Lacking], whole = [.. compared.Except(lacking)];
        bool isEnough = OwnRanges.All(owners => IsEnough(owners, whole));
        // Nobody else knows more, not even what there is nobody to tell.
        bool isAll = !Sharers.Except(compared).Any();
        if (!isEnough && !isAll)
            return;
        bool isKnownToNobody = OwnRanges.Any(owners => !owners.Those(owners.Readers.Mask).Any(whole.Contains));
        if (!isEnough && isKnownToNobody && !_standing.HasSalvaged)
        {
            effects.Add(new Effect.Report($"every owner of some keys has lost something ({string.Join(", ", lacking.Append(Self).Order())}): what each could read of them, here {_standing.Aside} keys, is put together; acknowledged writes may be missing, and deleted values be back"));
            Settle(new StoreUpdate.Salvage());
            return;
        }

        effects.Add(new Effect.Report(isEnough || lacking.Length == 0
            ? $"it was compared with {string.Join(", ", compared)} and answers reads again"
            : $"it was compared with all others, of whom {string.Join(", ", lacking)} had lost something as well, and answers reads again; what only they and it had acknowledged is gone"));
        Settle(new StoreUpdate.Whole());
    }

    /// <summary>For people: with whom it was not compared yet.</summary>
    private string WhoIsMissing => _standing.Compared is { } compared && Sharers.Except(compared).ToArray() is { Length: > 0 } left ? $", not yet with {string.Join(", ", left)}" : "";

    // Until it is applied and the store was asked since, it is still being rebuilt.
    private void Settle(StoreUpdate update)
    {
        _rebuildsLost = HasLost && update is not StoreUpdate.Whole;
        _rebuildIndex = NextIndex;
        Update(update);
    }

    /// <summary>
    /// So many that every write which was acknowledged with this replica's help, at the group's level or at a majority, of all or of its region, is known to one of them. One that has
    /// only been away has forgotten nothing; it hears of what happened since, and is one of those who know.
    /// </summary>
    private bool IsEnough(KeyOwners owners, IReadOnlyList<ReplicaId> whole)
    {
        ulong heard = whole.Aggregate(HasLost ? 0UL : owners.BitOf(Self), (mask, id) => mask | owners.BitOf(id));
        if (!HasLost)
            return owners.Readers.HasMajority(heard) && owners.Readers.HasMajorityOfLocal(heard);
        int written = _options.Write.Kind == ConsistencyKind.Count ? _options.Write.Owners : int.MaxValue;
        return MeetsAll(owners.Readers.Mask, written, heard) && MeetsAll(owners.Readers.Local, written: int.MaxValue, heard);
    }

    // A write that W of N have, this replica among them, is with W - 1 others: N - W + 1 others are not without it. Of three that is all, of five with majorities three.
    private static bool MeetsAll(ulong owners, int written, ulong heard)
    {
        int count = BitOperations.PopCount(owners);
        return BitOperations.PopCount(heard & owners) >= count - Math.Min(written, count / 2 + 1) + 1;
    }
}
