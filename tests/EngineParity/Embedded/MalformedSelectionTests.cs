using Akka.Actor;
using Akka.Configuration;
using Akka.Remote.Serialization;

namespace ActorRepl.EngineParity.Embedded;

/// <summary>What comes in on a port may be anything; none of it may fail a guardian, which would take the system with it.</summary>
public sealed class MalformedSelectionTests : IDisposable
{
    private readonly ExtendedActorSystem _system = (ExtendedActorSystem)ActorSystem.Create("malformed", ConfigurationFactory.ParseString("akka.loglevel = OFF"));

    [Theory]
    [InlineData("router#4x")]
    [InlineData("a/b")]
    [InlineData("")]
    public void A_step_that_is_no_name_is_refused_before_anybody_looks_for_it(string name)
    {
        var serializer = new MessageContainerSerializer(_system);
        byte[] bytes = serializer.ToBinary(new ActorSelectionMessage("message", [new SelectChildName("user"), new SelectChildName(name)]));
        Assert.Throws<InvalidDataException>(() => serializer.FromBinary(bytes, typeof(ActorSelectionMessage)));
    }

    [Fact]
    public void A_length_that_lies_takes_no_memory()
    {
        var serializer = new MessageContainerSerializer(_system);
        byte[] bytes = serializer.ToBinary(new ActorSelectionMessage("message", [new SelectChildName("user")]));
        // The length of the nested message is the byte before it.
        byte[] lie = [.. bytes[..^8], 0xFF, 0xFF, 0xFF, 0xFF, 0x07, .. bytes[^7..]];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.ThrowsAny<Exception>(() => serializer.FromBinary(lie, typeof(ActorSelectionMessage)));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Theory]
    [InlineData("shard-*", "shard-3", true)]
    [InlineData("shard-?", "shard-12", false)]
    [InlineData("*a*a*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false)]
    public void A_pattern_is_matched_in_no_time(string pattern, string name, bool matches) =>
        Assert.Equal(matches, new SelectChildPattern(pattern).Matches(name));

    public void Dispose() => _system.Dispose();
}
