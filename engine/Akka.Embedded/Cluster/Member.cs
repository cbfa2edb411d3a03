using System.Collections.Immutable;
using Akka.Actor;

namespace Akka.Cluster;

/// <summary>The stations of a member's life. It only moves on: see <see cref="Member.Rank"/>.</summary>
public enum MemberStatus
{
    Joining = 0,
    Up = 1,
    Leaving = 2,
    Exiting = 3,
    Down = 4,
    Removed = 5,
    WeaklyUp = 6,
}

/// <summary>An address and the incarnation that answers there.</summary>
public class UniqueAddress(Address address, int uid) : IEquatable<UniqueAddress>, IComparable<UniqueAddress>, IComparable
{
    public Address Address { get; } = address;

    /// <summary>See <see cref="Remote.AddressUid"/>.</summary>
    public int Uid { get; } = uid;
    public bool Equals(UniqueAddress other) => other is not null && Uid == other.Uid && Address.Equals(other.Address);
    public override bool Equals(object obj) => obj is UniqueAddress other && Equals(other);
    public override int GetHashCode() => Uid;
    public int CompareTo(object obj) => CompareTo(obj as UniqueAddress);

    public int CompareTo(UniqueAddress uniqueAddress)
    {
        if (uniqueAddress is null) return 1;
        int order = Member.AddressOrdering.Compare(Address, uniqueAddress.Address);
        return order != 0 ? order : Uid.CompareTo(uniqueAddress.Uid);
    }

    public override string ToString() => $"UniqueAddress: ({Address}, {Uid})";
    public static bool operator ==(UniqueAddress left, UniqueAddress right) => left is null ? right is null : left.Equals(right);
    public static bool operator !=(UniqueAddress left, UniqueAddress right) => !(left == right);
}

/// <summary>A node of the cluster. Two are equal if their unique addresses are, whatever their status.</summary>
public class Member : IComparable<Member>, IComparable
{
    /// <summary>By host, then port.</summary>
    public static readonly IComparer<Address> AddressOrdering = Comparer<Address>.Create(CompareAddresses);

    /// <summary>Oldest first.</summary>
    public static readonly IComparer<Member> AgeOrdering = Comparer<Member>.Create(
        (a, b) => a.Equals(b) ? 0 : a.IsOlderThan(b) ? -1 : 1);

    /// <summary>Up number of a member that has not been up.</summary>
    internal const int NotYetUp = int.MaxValue;

    internal Member(UniqueAddress uniqueAddress, int upNumber, MemberStatus status, ImmutableHashSet<string> roles)
    {
        UniqueAddress = uniqueAddress;
        UpNumber = upNumber;
        Status = status;
        Roles = roles;
    }

    public UniqueAddress UniqueAddress { get; }
    public MemberStatus Status { get; }
    public ImmutableHashSet<string> Roles { get; }
    public Address Address => UniqueAddress.Address;

    /// <summary>The how-manieth member to come up.</summary>
    internal int UpNumber { get; }

    /// <summary>How far along its life the member is; statuses merge to the farther one.</summary>
    internal int Rank => RankOf(Status);

    /// <summary>True if the member takes part: it can lead, and must have seen a state for it to count as agreed on.</summary>
    internal bool IsActive => Status is MemberStatus.Up or MemberStatus.Leaving;
    public bool HasRole(string role) => Roles.Contains(role);

    public bool IsOlderThan(Member other) =>
        UpNumber == other.UpNumber ? AddressOrdering.Compare(Address, other.Address) < 0 : UpNumber < other.UpNumber;

    /// <summary>This member in a later status.</summary>
    /// <exception cref="InvalidOperationException">The status is an earlier one.</exception>
    public Member Copy(MemberStatus status)
    {
        if (status == Status) return this;
        if (RankOf(status) < Rank) throw new InvalidOperationException($"Invalid member status transition [{this}] -> [{status}]");
        return new Member(UniqueAddress, UpNumber, status, Roles);
    }

    /// <summary>This member, up as the <paramref name="upNumber"/>th.</summary>
    public Member CopyUp(int upNumber) => new(UniqueAddress, upNumber, Copy(MemberStatus.Up).Status, Roles);
    public int CompareTo(Member other) => other is null ? 1 : UniqueAddress.CompareTo(other.UniqueAddress);
    public int CompareTo(object obj) => CompareTo(obj as Member);
    public override bool Equals(object obj) => obj is Member other && UniqueAddress.Equals(other.UniqueAddress);
    public override int GetHashCode() => UniqueAddress.GetHashCode();

    public override string ToString() =>
        $"Member(address = {Address}, Uid={UniqueAddress.Uid} status = {Status}, role=[{string.Join(",", Roles)}], upNumber={UpNumber})";

    private static int RankOf(MemberStatus status) => status switch
    {
        MemberStatus.Joining => 0,
        MemberStatus.WeaklyUp => 1,
        MemberStatus.Up => 2,
        MemberStatus.Leaving => 3,
        MemberStatus.Exiting => 4,
        MemberStatus.Down => 5,
        _ => 6,
    };

    private static int CompareAddresses(Address a, Address b)
    {
        int order = string.CompareOrdinal(a.Host, b.Host);
        return order != 0 ? order : (a.Port ?? 0).CompareTo(b.Port ?? 0);
    }
}
