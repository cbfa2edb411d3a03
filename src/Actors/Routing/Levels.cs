using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>Whether a group knows consistency levels.</summary>
internal static class Levels
{
    /// <summary>Why no such level can be asked of it; null: the protocol decides.</summary>
    public static string? Refusal(GroupDefinition group, ConsistencyLevel level) => group.Protocol.IsLeaderless
        ? null
        : $"group '{group.Name}' replicates by {group.Protocol.Name} and knows no level {level}: such levels are for groups without a leader";
}
