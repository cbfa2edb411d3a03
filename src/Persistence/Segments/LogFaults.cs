namespace ActorRepl.Persistence.Segments;

/// <summary>Where tests let the disk fail: what is thrown here is what the call that follows would have thrown.</summary>
internal sealed class LogFaults
{
    /// <summary>Nothing of the group is written yet.</summary>
    public Action? BeforeWrite { get; set; }

    /// <summary>The group is written, and not synced.</summary>
    public Action? BeforeSync { get; set; }
}
