namespace ActorRepl.Protocols.Placement;

/// <summary>
/// Which part of a key decides its shard. Settled when a group is made and never changed: what is stored under another rule would not be found.
/// </summary>
public enum KeyPlacement : byte
{
    /// <summary>All of it: the rule of groups made before there was another, which name none.</summary>
    WholeKey = 0,

    /// <summary>The part in braces, where there is one, as in <c>{user:7}:name</c>: Redis Cluster's rule, and that of new groups.</summary>
    Braces = 1,
}

/// <summary>The rules' names, as they stand in a group's declaration, in its stamp and in a node's status.</summary>
public static class KeyPlacements
{
    public const string WholeKey = "whole-key", Braces = "braces";

    public static string Name(this KeyPlacement rule) => rule == KeyPlacement.Braces ? Braces : WholeKey;

    /// <param name="name">Null: the group is from before rules had names.</param>
    /// <exception cref="InvalidDataException">This build knows no such rule: it cannot know where the keys are.</exception>
    public static KeyPlacement Of(string? name) => name switch
    {
        null or WholeKey => KeyPlacement.WholeKey,
        Braces => KeyPlacement.Braces,
        _ => throw new InvalidDataException($"the keys are placed by '{name}'; this build knows {WholeKey} and {Braces}"),
    };
}
