namespace ActorRepl.Hosting;

/// <summary>
/// Something a user asked for or set is wrong or cannot be had; the message is one line and says what, where, and what is
/// allowed. Shown as it is, without a stack trace.
/// </summary>
public class UserErrorException(string message) : Exception(message)
{
    /// <summary>What was typed is wrong, however the cluster is.</summary>
    public bool IsUsage { get; init; }
}
