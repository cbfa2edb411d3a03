namespace ActorRepl.Protocols.Tests;

/// <summary>
/// Finds the real inputs that are not part of the repository: <c>ACTORREPL_SHARED</c> names the folder that holds
/// <c>data</c>, or a folder <c>shared/data</c> lies beside one of the folders above the tests.
/// </summary>
public static class SharedData
{
    public const string Missing = "no shared data: set ACTORREPL_SHARED to the folder that holds 'data'";

    /// <summary>The folder of the inputs, or null where there are none.</summary>
    public static string? Folder { get; } = Find();

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("ACTORREPL_SHARED") is { Length: > 0 } named)
            return Existing(named);
        for (DirectoryInfo? above = new(AppContext.BaseDirectory); above is not null; above = above.Parent)
        {
            if (Existing(Path.Combine(above.FullName, "shared")) is { } found)
                return found;
        }

        return null;
    }

    private static string? Existing(string shared)
    {
        string data = Path.Combine(shared, "data");
        return Directory.Exists(data) ? data : null;
    }
}

/// <summary>A test that needs the shared data and is skipped, with the reason, where there is none.</summary>
public sealed class SharedDataFactAttribute : FactAttribute
{
    public SharedDataFactAttribute()
    {
        if (SharedData.Folder is null)
            Skip = SharedData.Missing;
    }
}

/// <summary>As <see cref="SharedDataFactAttribute"/>, for tests with data.</summary>
public sealed class SharedDataTheoryAttribute : TheoryAttribute
{
    public SharedDataTheoryAttribute()
    {
        if (SharedData.Folder is null)
            Skip = SharedData.Missing;
    }
}
