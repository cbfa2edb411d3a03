using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>Whether a group can acknowledge a command in the way that is asked for.</summary>
internal static class Concerns
{
    /// <summary>Why not; null: it can.</summary>
    public static string? Refusal(GroupDefinition group, in WriteConcern concern) =>
        concern.Contradiction ?? (group.Protocol.Refusal(concern) is { } why ? $"group '{group.Name}': {why}" : null);
}
