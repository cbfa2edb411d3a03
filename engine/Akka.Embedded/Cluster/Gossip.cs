#nullable enable
using System.Collections.Immutable;
using Akka.Actor;

namespace Akka.Cluster;

/// <summary>Whom one member cannot reach. Only the observer writes it, with a growing version, so the newer one is right.</summary>
internal sealed record Observation(long Version, ImmutableHashSet<UniqueAddress> Unreachable)
{
    public static readonly Observation None = new(0, []);
}

/// <summary>
/// What the nodes agree on. It merges as a join semilattice (Shapiro et al., RR-7506): a member's status only moves on, a
/// removed one leaves a tombstone, observations carry versions; so two states always merge to the same third, whatever the
/// order. <see cref="Seen"/> holds who is known to have had this very state.
/// </summary>
internal sealed record Gossip(
    ImmutableSortedSet<Member> Members,
    ImmutableDictionary<UniqueAddress, Observation> Observations,
    ImmutableDictionary<UniqueAddress, long> Tombstones,
    ImmutableHashSet<UniqueAddress> Seen)
{
    public static readonly Gossip Empty = new(
        [], ImmutableDictionary<UniqueAddress, Observation>.Empty, ImmutableDictionary<UniqueAddress, long>.Empty, []);

    // A tombstone (with the time of removal) keeps stale gossip from bringing a member back; gossip does not get so stale.
    private const int MaximumTombstones = 100;
    private static readonly long TombstoneLifeMs = (long)TimeSpan.FromMinutes(10).TotalMilliseconds;

    public Member? Find(UniqueAddress node) => Members.TryGetValue(Probe(node), out var member) ? member : null;
    public Member? Find(Address address) => Members.FirstOrDefault(m => m.Address == address);
    public bool Has(UniqueAddress node) => Members.Contains(Probe(node));

    /// <summary>This state with one member added or moved on, seen by <paramref name="self"/> only.</summary>
    public Gossip With(Member member, UniqueAddress self) =>
        this with { Members = Members.Remove(member).Add(member), Seen = [self] };

    /// <summary>This state without the members, for good.</summary>
    public Gossip Without(IEnumerable<Member> members, UniqueAddress self)
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        var removed = members.Select(m => KeyValuePair.Create(m.UniqueAddress, now));
        return Normalized(Members, Observations, Tombstones.SetItems(removed), [self]);
    }

    /// <summary>This state with what <paramref name="self"/> observes.</summary>
    public Gossip Observed(UniqueAddress self, ImmutableHashSet<UniqueAddress> unreachable)
    {
        var before = Observations.GetValueOrDefault(self, Observation.None);
        return before.Unreachable.SetEquals(unreachable)
            ? this
            : this with { Observations = Observations.SetItem(self, new Observation(before.Version + 1, unreachable)), Seen = [self] };
    }

    /// <summary>Joins both states; <paramref name="self"/> has seen the result.</summary>
    public Gossip Merge(Gossip other, UniqueAddress self)
    {
        var members = Members.ToBuilder();
        foreach (var theirs in other.Members)
        {
            if (Find(theirs.UniqueAddress) is not { } ours)
                members.Add(theirs);
            else if (theirs.Rank > ours.Rank || theirs.UpNumber < ours.UpNumber)
            {
                members.Remove(ours);
                members.Add(new Member(
                    ours.UniqueAddress,
                    Math.Min(ours.UpNumber, theirs.UpNumber),
                    ours.Rank >= theirs.Rank ? ours.Status : theirs.Status,
                    ours.Roles));
            }
        }
        var observations = Observations.ToBuilder();
        foreach (var (observer, theirs) in other.Observations)
            if (theirs.Version > observations.GetValueOrDefault(observer, Observation.None).Version)
                observations[observer] = theirs;
        var merged = Normalized(members.ToImmutable(), observations.ToImmutable(), Tombstones.SetItems(other.Tombstones), [self]);
        if (merged.IsSameAs(this))
            merged = merged with { Seen = merged.Seen.Union(Seen) };
        if (merged.IsSameAs(other))
            merged = merged with { Seen = merged.Seen.Union(other.Seen) };
        return merged;
    }

    /// <summary>True if both say the same of members and reachability.</summary>
    public bool IsSameAs(Gossip other) =>
        Members.Count == other.Members.Count
        && Observations.Count == other.Observations.Count
        && Members.Zip(other.Members).All(pair =>
            pair.First.Equals(pair.Second) && pair.First.Status == pair.Second.Status && pair.First.UpNumber == pair.Second.UpNumber)
        && Observations.All(o => other.Observations.TryGetValue(o.Key, out var theirs)
            && theirs.Version == o.Value.Version && theirs.Unreachable.SetEquals(o.Value.Unreachable));

    /// <summary>Members some member suspects; what a member that is itself down thinks does not count.</summary>
    public ImmutableHashSet<Member> Unreachable() =>
        Observations
            .Where(o => Find(o.Key) is { Status: not MemberStatus.Down })
            .SelectMany(o => o.Value.Unreachable)
            .Select(Find)
            .OfType<Member>()
            .ToImmutableHashSet();

    /// <summary>True if every member that takes part and can be reached has this state, and who cannot be reached is on the way out.</summary>
    public bool IsConverged(UniqueAddress self)
    {
        var unreachable = Unreachable();
        return unreachable.All(m => m.Status is MemberStatus.Down or MemberStatus.Exiting || m.UniqueAddress == self)
            && Members.All(m => !m.IsActive || unreachable.Contains(m) || Seen.Contains(m.UniqueAddress));
    }

    /// <summary>The lowest address among members that take part and can be reached; while none is up yet, among those joining.</summary>
    public Member? Leader(UniqueAddress self, Func<Member, bool>? eligible = null)
    {
        var unreachable = Unreachable();
        var candidates = Members
            .Where(m => (eligible is null || eligible(m)) && (m.UniqueAddress == self || !unreachable.Contains(m)))
            .ToList();
        return candidates.FirstOrDefault(m => m.IsActive)
            ?? candidates.FirstOrDefault(m => m.Status is MemberStatus.Joining or MemberStatus.WeaklyUp);
    }

    private static Member Probe(UniqueAddress node) => new(node, Member.NotYetUp, MemberStatus.Joining, []);

    private static Gossip Normalized(
        ImmutableSortedSet<Member> members,
        ImmutableDictionary<UniqueAddress, Observation> observations,
        ImmutableDictionary<UniqueAddress, long> tombstones,
        ImmutableHashSet<UniqueAddress> seen)
    {
        members = members.Except(members.Where(m => tombstones.ContainsKey(m.UniqueAddress)));
        var nodes = members.Select(m => m.UniqueAddress).ToImmutableHashSet();
        observations = observations
            .Where(o => nodes.Contains(o.Key))
            .ToImmutableDictionary(o => o.Key, o => o.Value with { Unreachable = o.Value.Unreachable.Intersect(nodes) });
        long oldest = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - TombstoneLifeMs;
        if (tombstones.Count > MaximumTombstones || tombstones.Any(t => t.Value < oldest))
            tombstones = tombstones
                .Where(t => t.Value >= oldest)
                .OrderByDescending(t => t.Value)
                .Take(MaximumTombstones)
                .ToImmutableDictionary();
        return new Gossip(members, observations, tombstones, seen);
    }
}
