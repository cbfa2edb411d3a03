namespace ActorRepl.Protocols.Multiplex;

/// <summary>Names a shard of a group, the same on every node.</summary>
public readonly record struct ShardKey(string Group, int Shard)
{
    public override string ToString() => $"{Group}/{Shard}";
}
