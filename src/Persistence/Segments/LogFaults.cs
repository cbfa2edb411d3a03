namespace ActorRepl.Persistence.Segments;

/// <summary>Where the disk is made to fail on purpose: what is thrown here is what the call that follows would have thrown.</summary>
internal sealed class LogFaults
{
    /// <summary>Nothing of the group is written yet.</summary>
    public Action? BeforeWrite { get; set; }

    /// <summary>The group is written, and not synced.</summary>
    public Action? BeforeSync { get; set; }

    /// <summary>Nothing of the identity is written yet.</summary>
    public Action? BeforeIdentity { get; set; }

    /// <summary>The identity is in its place, and the directory is not synced.</summary>
    public Action? BeforeIdentitySync { get; set; }

    /// <summary>Asked before events are added: why there is no space for them; null: there is.</summary>
    public Func<StorageFullException?>? NoSpace { get; set; }
}
