using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Actors.Settings;

/// <summary>A replication group as declared: the protocol, the state machine, how many shards and replicas.</summary>
public sealed record GroupDefinition
{
    /// <summary>Letters, digits, '-' and '_'; part of actor paths and persistence ids.</summary>
    public required string Name { get; init; }

    public required IProtocolFactory Protocol { get; init; }

    /// <summary>Makes an empty machine for one shard. Sessions are put around it by the replica.</summary>
    public required Func<IStateMachine> Machine { get; init; }

    /// <summary>Limits of client sessions; they decide results, so all nodes must have the same.</summary>
    public SessionOptions Sessions { get; init; } = new();

    /// <summary>How many commands at once a replica applies, if the machine names their keys; nodes may differ.</summary>
    public ApplyOptions Apply { get; init; } = new();

    /// <summary>Fixed once the group has data: see <see cref="Client.ShardHash"/>.</summary>
    public int Shards { get; init; } = 4;

    /// <summary>
    /// Which part of a key decides its shard; fixed once the group is made. What the node remembers of the control group is right where it says another.
    /// </summary>
    public KeyPlacement KeyPlacement { get; init; } = KeyPlacement.Braces;

    public int Replicas { get; init; } = 3;

    /// <summary>Raised, on all nodes, to say that what the protocol was told is meant to differ from what it was before; from 1.</summary>
    public int SettingsVersion { get; init; } = 1;

    /// <summary>What all hosts must declare alike, for the control group.</summary>
    internal string Options => GroupOptions.Declare(GroupOptions.Of(Protocol), SettingsVersion, KeyPlacement);

    /// <summary>How many members each shard begins with in a cluster of so many nodes.</summary>
    internal int FirstMembers(int nodes) => Protocol.SpansNodes ? nodes : Replicas;

    public DriverOptions Driver { get; init; } = new();

    /// <exception cref="ArgumentException">Something is missing or out of bounds.</exception>
    public void Validate(int nodes)
    {
        if (Name.Length is 0 or > 64 || !Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw new ArgumentException($"group name '{Name}' must be 1 to 64 letters, digits, '-' or '_'");
        if (Shards is < 1 or > 1024)
            throw new ArgumentException($"group '{Name}' has {Shards} shards; it must be 1 to 1024");
        if (SettingsVersion < 1)
            throw new ArgumentException($"group '{Name}' has settings version {SettingsVersion}; it must be 1 or more");
        if (Replicas < 1 || Replicas > nodes)
            throw new ArgumentException($"group '{Name}' has {Replicas} replicas a shard; it must be 1 to {nodes}, the number of nodes");
    }
}
