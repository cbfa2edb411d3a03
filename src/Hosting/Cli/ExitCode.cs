namespace ActorRepl.Hosting.Cli;

/// <summary>What a command's process ends with.</summary>
public static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;

    /// <summary>The command line itself is wrong.</summary>
    public const int Usage = 2;
}
