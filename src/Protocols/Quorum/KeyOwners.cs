using System.Numerics;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Some of a key's owners, as bits of their places in <see cref="KeyOwners.All"/>: what a level asks of them costs a few instructions an answer.</summary>
/// <param name="Mask">Who they are.</param>
/// <param name="Local">Those of them in the coordinator's region.</param>
/// <param name="Regions">Those of each region.</param>
internal sealed record OwnerSet(ulong Mask, ulong Local, ulong[] Regions)
{
    public int Count => BitOperations.PopCount(Mask);

    /// <summary>Enough of them have answered. One that has fewer members than the level counts asks all of them: such is a ring that grows.</summary>
    public bool IsMet(ConsistencyLevel level, ulong answered)
    {
        switch (level.Kind)
        {
            case ConsistencyKind.Count:
                return BitOperations.PopCount(answered & Mask) >= Math.Min(level.Owners, Count);
            case ConsistencyKind.Quorum or ConsistencyKind.Serial:
                return HasMajority(Mask, answered);
            case ConsistencyKind.All:
                return (answered & Mask) == Mask;
            case ConsistencyKind.LocalQuorum:
                return HasMajority(Local, answered);
            case ConsistencyKind.EachQuorum:
                foreach (ulong region in Regions)
                {
                    if (!HasMajority(region, answered))
                        return false;
                }

                return true;
            case ConsistencyKind.Any:
                return (answered & Mask) != 0;
            default:
                throw new InvariantViolationException("a level that is asked for is settled first");
        }
    }

    public bool HasMajority(ulong answered) => HasMajority(Mask, answered);

    /// <summary>A majority of all and of each region of which anybody was heard: readers of a region that is silent as a whole ask nobody outside it.</summary>
    public bool HasMajorityOfEachHeard(ulong answered) =>
        HasMajority(Mask, answered) && Array.TrueForAll(Regions, region => (answered & region) == 0 || HasMajority(region, answered));

    /// <summary>
    /// Where reads and writes at these levels meet (R + W > N), so many can serve neither by themselves. Where they do not meet, nothing is promised that could be broken.
    /// </summary>
    public bool AreFewerThanAsked(ConsistencyLevel read, ConsistencyLevel write, ulong those)
    {
        int asked = AskedBy(read), written = AskedBy(write);
        return asked + written <= Count || BitOperations.PopCount(those & Mask) < Math.Min(asked, written);
    }

    private int AskedBy(ConsistencyLevel level) => level.Kind switch
    {
        ConsistencyKind.Count => Math.Min(level.Owners, Count),
        ConsistencyKind.All => Count,
        ConsistencyKind.Any => 0,
        _ => Count / 2 + 1,
    };

    public bool HasMajorityOfLocal(ulong answered) => HasMajority(Local, answered);

    private static bool HasMajority(ulong of, ulong answered) => of == 0 || BitOperations.PopCount(answered & of) > BitOperations.PopCount(of) / 2;
}

/// <summary>What of a key's range moves in a change of the ring: from whom, if somebody leaves his place, and to whom.</summary>
internal readonly record struct KeyMove(ReplicaId To, ReplicaId From);

/// <summary>Who has a key: the same for all keys between two tokens.</summary>
internal sealed class KeyOwners
{
    /// <param name="before">Its owners before a change, or, where none is on, its owners.</param>
    /// <param name="after">Its owners after; the same where nothing changes.</param>
    /// <param name="standIns">Others that keep hints.</param>
    public KeyOwners(IReadOnlyList<ReplicaId> before, IReadOnlyList<ReplicaId> after, IReadOnlyList<ReplicaId> standIns, RingPhase phase, Func<ReplicaId, string> regionOf, string local)
    {
        IReadOnlyList<ReplicaId> readers = phase == RingPhase.Copying ? before : after;
        All = [.. readers.Concat(before).Concat(after).Distinct()];
        Invariant.That(All.Length <= 64, "the owners of a key have a bit each");
        StandIns = [.. standIns.Except(All)];
        Before = SetOf(before, regionOf, local);
        After = SetOf(after, regionOf, local);
        Readers = phase == RingPhase.Copying ? Before : After;
        Moves = phase != RingPhase.Stable ? MovesOf(before, after, regionOf) : [];
    }

    /// <summary>Those that reads ask first, then those that only writes do.</summary>
    public ReplicaId[] All { get; }
    public ReplicaId[] StandIns { get; }

    /// <summary>Of which of them a read needs enough.</summary>
    public OwnerSet Readers { get; }

    /// <summary>A write needs enough of these and of those <see cref="After"/>.</summary>
    public OwnerSet Before { get; }
    public OwnerSet After { get; }

    public KeyMove[] Moves { get; }

    public ulong Everybody => All.Length == 64 ? ulong.MaxValue : (1UL << All.Length) - 1;

    /// <summary>All but those.</summary>
    public ulong Without(IEnumerable<ReplicaId> those)
    {
        ulong others = Everybody;
        foreach (ReplicaId one in those)
            others &= ~BitOf(one);
        return others;
    }

    /// <summary>A place in <see cref="All"/>; -1: it is no owner.</summary>
    public int IndexOf(ReplicaId id)
    {
        for (int i = 0; i < All.Length; i++)
        {
            if (All[i] == id)
                return i;
        }

        return -1;
    }

    public bool Contains(ReplicaId id) => IndexOf(id) >= 0;

    /// <summary>The bit of an owner; 0: it is none.</summary>
    public ulong BitOf(ReplicaId id) => IndexOf(id) is >= 0 and var index ? 1UL << index : 0;

    public bool MayRead(ReplicaId id) => (Readers.Mask & BitOf(id)) != 0;

    public bool IsWritten(ConsistencyLevel level, ulong acked) => After.IsMet(level, acked) && Before.IsMet(level, acked);

    public bool IsRead(ConsistencyLevel level, ulong answered) => Readers.IsMet(level, answered);

    /// <summary>Bits of another list of owners, where they are among these.</summary>
    public ulong Translate(ulong bits, KeyOwners from)
    {
        if (ReferenceEquals(this, from))
            return bits;
        ulong mine = 0;
        for (int i = 0; i < from.All.Length; i++)
        {
            if ((bits & 1UL << i) != 0)
                mine |= BitOf(from.All[i]);
        }

        return mine;
    }

    public IEnumerable<ReplicaId> Those(ulong bits)
    {
        for (int i = 0; i < All.Length; i++)
        {
            if ((bits & 1UL << i) != 0)
                yield return All[i];
        }
    }

    /// <summary>Why so many owners can never answer; null: they can.</summary>
    public string? Impossible(ConsistencyLevel level, string local) => level.Kind switch
    {
        ConsistencyKind.Count when level.Owners < 1 || level.Owners > After.Count => $"{level} is asked for; a key has {After.Count} owners",
        ConsistencyKind.LocalQuorum when After.Local == 0 => $"{level} is asked for; the key has no owner in region '{local}'",
        _ => null,
    };

    private OwnerSet SetOf(IReadOnlyList<ReplicaId> owners, Func<ReplicaId, string> regionOf, string local)
    {
        ulong MaskOf(IEnumerable<ReplicaId> ids) => ids.Aggregate(0UL, (mask, id) => mask | BitOf(id));
        return new OwnerSet(MaskOf(owners), MaskOf(owners.Where(id => regionOf(id) == local)), [.. owners.GroupBy(regionOf).Select(MaskOf)]);
    }

    // Within its own region if one leaves there: that keeps each region's count.
    private static KeyMove[] MovesOf(IReadOnlyList<ReplicaId> before, IReadOnlyList<ReplicaId> after, Func<ReplicaId, string> regionOf)
    {
        List<ReplicaId> leaving = [.. before.Except(after)];
        var moves = new List<KeyMove>();
        foreach (ReplicaId to in after.Except(before))
        {
            ReplicaId from = leaving.Find(id => regionOf(id) == regionOf(to));
            leaving.Remove(from);
            moves.Add(new KeyMove(to, from));
        }

        return [.. moves];
    }
}
