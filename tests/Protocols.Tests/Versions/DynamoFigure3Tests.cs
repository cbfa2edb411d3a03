using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Versions;

/// <summary>DeCandia et al., SOSP 2007, section 4.4 and figure 3: the evolution of an object over time.</summary>
public class DynamoFigure3Tests
{
    private static readonly VersionSource Sx = new(new ReplicaId(1)), Sy = new(new ReplicaId(2)), Sz = new(new ReplicaId(3));

    [Fact]
    public void Figure_3_version_evolution_of_an_object()
    {
        DottedVersions<string> d1 = DottedVersions<string>.Empty.Write(VersionVector.Empty, new Dot(Sx, 1), "D1");
        DottedVersions<string> d2 = d1.Write(d1.Clock, new Dot(Sx, 2), "D2");
        Assert.Equal(["D2"], Values(d2));

        // Two clients read D2 and write through different nodes.
        DottedVersions<string> d3 = d2.Write(d2.Clock, new Dot(Sy, 1), "D3");
        DottedVersions<string> d4 = d2.Write(d2.Clock, new Dot(Sz, 1), "D4");
        Assert.Equal(Causality.After, d3.Clock.Compare(d2.Clock));
        Assert.Equal(Causality.Concurrent, d3.Clock.Compare(d4.Clock));

        // "a node that is aware of D1 or D2 could, upon receiving D4 and its clock, determine that D1 and D2 are overwritten"
        Assert.Equal(["D4"], Values(d1.Merge(d4)));
        Assert.Equal(["D4"], Values(d2.Merge(d4)));

        // "a node that is aware of D3 and receives D4 will find that there is no causal relation between them": both are kept.
        DottedVersions<string> both = d3.Merge(d4);
        Assert.Equal(["D3", "D4"], Values(both));
        Assert.Equal(VersionVector.Of(new Dot(Sx, 2), new Dot(Sy, 1), new Dot(Sz, 1)), both.Clock);

        // The client reconciles, and Sx coordinates the write.
        DottedVersions<string> d5 = both.Write(both.Clock, new Dot(Sx, 3), "D5");
        Assert.Equal(VersionVector.Of(new Dot(Sx, 3), new Dot(Sy, 1), new Dot(Sz, 1)), d5.Clock);
        foreach (DottedVersions<string> older in (DottedVersions<string>[])[d1, d2, d3, d4, both])
            Assert.Equal(["D5"], Values(older.Merge(d5)));
    }

    private static IEnumerable<string> Values(DottedVersions<string> versions) => versions.Siblings.Select(sibling => sibling.Value);
}
