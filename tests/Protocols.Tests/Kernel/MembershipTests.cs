using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Kernel;

public sealed class MembershipTests
{
    private static ReplicaId[] Ids(params int[] numbers) => [.. numbers.Select(number => new ReplicaId(number))];

    [Fact]
    public void What_is_encoded_is_decoded()
    {
        var membership = new Membership(Ids(3, 1, 2), learners: Ids(5), witnesses: Ids(4));
        Assert.Equal(membership, Membership.Decode(membership.Encode()));
        Assert.Equal("n1,n2,n3 learners n5 witnesses n4", membership.ToString());
    }

    [Fact]
    public void Nobody_to_lead_two_roles_or_too_many_members_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new Membership([], witnesses: Ids(1)));
        Assert.Throws<ArgumentException>(() => new Membership(Ids(1, 2), learners: Ids(2)));
        Assert.Throws<ArgumentException>(() => new Membership(Ids(0, 1)));
        Assert.Throws<ArgumentException>(() => new Membership(Enumerable.Range(1, Membership.MaxMembers + 1).Select(n => new ReplicaId(n))));
    }

    [Fact]
    public void Bytes_that_are_no_membership_are_refused()
    {
        byte[] good = new Membership(Ids(1, 2, 3)).Encode();
        Assert.Throws<InvalidDataException>(() => Membership.Decode(good.AsMemory(0, good.Length - 1)));
        Assert.Throws<InvalidDataException>(() => Membership.Decode(new byte[] { 9, 0, 0, 0, 0 }));
    }
}
