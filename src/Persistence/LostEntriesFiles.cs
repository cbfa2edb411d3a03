using System.Globalization;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence;

/// <summary>
/// Entries that failovers took out of logs, one file each in the folder <c>lost</c> of a node's directory:
/// <c>group-shard-index-epoch.entries</c>, named after the first of them. Nothing here is ever deleted or written over.
/// </summary>
public static class LostEntriesFiles
{
    public const string Folder = "lost";
    public const string Extension = ".entries";

    /// <summary>Writes a file and syncs it and its folder; the same entries once more are left as they are.</summary>
    /// <returns>Its path.</returns>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static string Keep(string directory, LostEntries lost)
    {
        string folder = Path.Combine(directory, Folder);
        try
        {
            if (!Directory.Exists(folder))
            {
                Directory.CreateDirectory(folder);
                DurableFile.SyncDirectory(directory);
            }

            string name = string.Create(CultureInfo.InvariantCulture, $"{lost.Group}-{lost.Shard}-{lost.FirstIndex}-{lost.FirstTerm}");
            for (int number = 1; ; number++)
            {
                string path = Path.Combine(folder, number == 1 ? name + Extension : $"{name}.{number}{Extension}");
                if (!File.Exists(path))
                {
                    DurableFile.Replace(path, lost.Encode());
                    return path;
                }

                if (HasSame(path, lost))
                {
                    DurableFile.SyncDirectory(folder);
                    return path;
                }
            }
        }
        catch (UnauthorizedAccessException denied)
        {
            throw new IOException($"{folder} cannot be written to: {denied.Message}", denied);
        }
    }

    /// <summary>The files of a node's directory, by name; there may be none.</summary>
    public static IReadOnlyList<string> In(string directory)
    {
        string folder = Path.Combine(directory, Folder);
        return Directory.Exists(folder) ? [.. Directory.GetFiles(folder, "*" + Extension).Order(StringComparer.Ordinal)] : [];
    }

    /// <exception cref="InvalidDataException">It is no such file, or damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static LostEntries Read(string path) => LostEntries.Decode(File.ReadAllBytes(path));

    private static bool HasSame(string path, LostEntries lost)
    {
        try
        {
            return Read(path).Batches.SelectMany(batch => batch.Bytes.ToArray()).SequenceEqual(lost.Batches.SelectMany(batch => batch.Bytes.ToArray()));
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }
}
