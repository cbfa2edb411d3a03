namespace ActorRepl.Actors.Client;

/// <summary>
/// Which replicas may answer a read, in MongoDB's words. <i>Nearest</i> of several is this node's, then by rack and region, then by how
/// fast they have answered lately; those that are about as fast take turns.
/// </summary>
public enum ReadFrom : byte
{
    /// <summary>As suits the kind of read: the primary for a linearizable one; else this node's replica if it has one, or the primary.</summary>
    Default = 0,

    /// <summary>The one that leads.</summary>
    Primary = 1,

    /// <summary>The one that leads; the nearest other while nobody is known to.</summary>
    PrimaryPreferred = 2,

    /// <summary>The nearest that does not lead.</summary>
    Secondary = 3,

    /// <summary>The nearest that does not lead; the one that does where there is none, or none that is up to date enough.</summary>
    SecondaryPreferred = 4,

    /// <summary>The nearest of all.</summary>
    Nearest = 5,
}
