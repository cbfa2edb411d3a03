using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Actors.Routing;

/// <summary>How a client's command reaches a group's replicas.</summary>
internal static class Commands
{
    /// <summary>In the envelope that sessions need; in a group without a leader, which has none, as it is.</summary>
    public static byte[] Payload(GroupDefinition? group, ReadOnlySpan<byte> command) =>
        group is { Protocol.IsLeaderless: true } ? command.ToArray() : CommandEnvelope.Encode(command);
}
