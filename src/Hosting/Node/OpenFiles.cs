using System.Globalization;

namespace ActorRepl.Hosting.Node;

/// <summary>How many files and connections the system lets this process have open.</summary>
internal static class OpenFiles
{
    // Logs, the journal, other nodes, and what the runtime itself holds.
    private const int Reserve = 512;

    /// <summary>The limit that a process can give itself, as <c>ulimit -Hn</c> says; null: not known, or none.</summary>
    public static long? Limit()
    {
        try
        {
            // "Max open files   1024   1048576   files": the runtime raises the first to the second when it starts.
            string? line = File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal));
            string[] words = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
            return words.Length > 4 && long.TryParse(words[4], NumberStyles.None, CultureInfo.InvariantCulture, out long limit) ? limit : null;
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <exception cref="UserErrorException">So many connections of Redis clients, and as many of HTTP, cannot be open.</exception>
    public static void Check(int connections, long? limit)
    {
        long wanted = 2L * connections + Reserve;
        if (wanted > limit)
            throw new UserErrorException(
                $"actorrepl.redis.max-connections is {connections}; with as many of HTTP that takes {wanted} open files, and this process may have {limit} (ulimit -Hn); lower the one or raise the other");
    }
}
