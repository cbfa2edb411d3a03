using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>The dots of one source with counters from <see cref="From"/> to <see cref="To"/>, both included.</summary>
public readonly record struct DotRange(VersionSource Source, long From, long To)
{
    public override string ToString() => From == To ? $"{Source}:{From}" : $"{Source}:{From}-{To}";
}
