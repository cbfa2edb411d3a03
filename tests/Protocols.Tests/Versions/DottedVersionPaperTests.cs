using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Versions;

/// <summary>
/// What the papers on dotted version vectors show (Preguiça, Baquero, Almeida, Fonte and Gonçalves 2010; Almeida et al. 2014), and what made Riak take
/// them: clients that write through one server without having seen each other's writes.
/// </summary>
public class DottedVersionPaperTests
{
    private static readonly VersionSource Ra = new(new ReplicaId(1)), Rb = new(new ReplicaId(2));
    private static readonly VersionVector Nothing = VersionVector.Empty;

    [Fact]
    public void Two_clients_of_one_server_that_know_nothing_of_each_other_are_concurrent()
    {
        // With one version vector for the server, [a:2] would look as if it came after [a:1], and the first write would be lost.
        DottedVersions<string> first = DottedVersions<string>.Empty.Write(Nothing, new Dot(Ra, 1), "v");
        DottedVersions<string> second = first.Write(Nothing, new Dot(Ra, 2), "w");
        Assert.Equal(["v", "w"], Values(second));
    }

    [Fact]
    public void The_dot_of_a_write_may_leave_a_gap_after_its_context()
    {
        // The client has seen a:1 and not a:2; its write is a:3. It replaces the first and stands beside the second.
        DottedVersions<string> first = DottedVersions<string>.Empty.Write(Nothing, new Dot(Ra, 1), "v");
        VersionVector seen = first.Clock;
        DottedVersions<string> third = first.Write(Nothing, new Dot(Ra, 2), "w").Write(seen, new Dot(Ra, 3), "x");
        Assert.Equal(["w", "x"], Values(third));
        Assert.Equal(VersionVector.Of(new Dot(Ra, 3)), third.Clock);
    }

    [Fact]
    public void A_run_with_two_servers_and_a_sync()
    {
        // v and w at a, y at b which is then synchronised with a; the client that had read all three replaces them by z.
        DottedVersions<string> a = DottedVersions<string>.Empty.Write(Nothing, new Dot(Ra, 1), "v");
        DottedVersions<string> b = a.Write(a.Clock, new Dot(Rb, 1), "y");
        a = a.Write(Nothing, new Dot(Ra, 2), "w");
        Assert.Equal(["v", "w"], Values(a));
        DottedVersions<string> synced = a.Merge(b);
        Assert.Equal(["w", "y"], Values(synced));
        Assert.Equal(synced, b.Merge(a));

        DottedVersions<string> z = b.Write(synced.Clock, new Dot(Rb, 2), "z");
        Assert.Equal(["z"], Values(z));
        Assert.Equal(["z"], Values(a.Merge(z)));
        Assert.Equal(["z"], Values(synced.Merge(z)));
    }

    [Fact]
    public void Sibling_explosion_does_not_happen_to_clients_that_read_what_they_wrote()
    {
        // Two clients at one server, each with the context of its own last answer: with one version vector for all siblings every
        // write would keep every sibling, and there would be a hundred at the end.
        DottedVersions<string> state = DottedVersions<string>.Empty;
        VersionVector[] contexts = [Nothing, Nothing];
        for (int round = 1; round <= 100; round++)
        {
            int client = round % 2;
            state = state.Write(contexts[client], new Dot(Ra, round), $"client {client}, round {round}");
            contexts[client] = state.Clock;
            Assert.InRange(state.Siblings.Count, 1, 2);
        }
    }

    [Fact]
    public void Sibling_explosion_of_interleaved_clients_in_riak()
    {
        // Bob, Sue, Rita, Michelle: each client answers its own last read, which had not the other's write.
        DottedVersions<string> bob = DottedVersions<string>.Empty.Write(Nothing, new Dot(Ra, 1), "Bob");
        DottedVersions<string> sue = bob.Write(Nothing, new Dot(Ra, 2), "Sue");
        DottedVersions<string> rita = sue.Write(bob.Clock, new Dot(Ra, 3), "Rita");
        DottedVersions<string> michelle = rita.Write(sue.Clock, new Dot(Ra, 4), "Michelle");
        Assert.Equal(["Bob", "Sue"], Values(sue));
        Assert.Equal(["Sue", "Rita"], Values(rita));
        Assert.Equal(["Rita", "Michelle"], Values(michelle));
    }

    [Fact]
    public void A_server_that_lost_its_disk_gives_no_dot_twice()
    {
        var before = new VersionSource(new ReplicaId(1));
        var after = new VersionSource(new ReplicaId(1), Generation: 0x5eed);
        DottedVersions<string> elsewhere = DottedVersions<string>.Empty.Write(Nothing, new Dot(before, 1), "old");
        DottedVersions<string> anew = DottedVersions<string>.Empty.Write(Nothing, new Dot(after, 1), "new");
        Assert.Equal(["old", "new"], Values(elsewhere.Merge(anew)));
    }

    private static IEnumerable<string> Values(DottedVersions<string> versions) => versions.Siblings.Select(sibling => sibling.Value);
}
