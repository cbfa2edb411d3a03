using System.Text.Json;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>
/// A hidden file beside a database that remembers which database belongs here and whether it was closed in order, so that
/// a database that is missing, a stranger's, or robbed of its log is noticed. Its name escapes a careless wildcard.
/// </summary>
internal sealed class StoreIdentity(string databasePath)
{
    private readonly string _path = Path.Combine(
        Path.GetDirectoryName(Path.GetFullPath(databasePath))!, FileNameOf(Path.GetFileName(databasePath)));

    public static string FileNameOf(string database) => $".{database}.id";

    /// <summary>The id of the database that belongs here, and whether it is in use; null: there has been none.</summary>
    /// <exception cref="StorageDamagedException">The file is not readable.</exception>
    public Content? Read()
    {
        if (!File.Exists(_path))
            return null;
        try
        {
            Content? content = JsonSerializer.Deserialize<Content>(File.ReadAllBytes(_path));
            if (content?.Id is { Length: > 0 })
                return content;
            throw new JsonException("it has no id");
        }
        catch (JsonException e)
        {
            throw new StorageDamagedException($"{_path} is damaged: {e.Message}", e);
        }
    }

    public void Write(Content content) => DurableFile.Replace(_path, JsonSerializer.SerializeToUtf8Bytes(content));

    /// <param name="Id">Also in the database itself.</param>
    /// <param name="Open">False: everything was moved from the log into the database before it was closed.</param>
    public sealed record Content(string Id, bool Open);
}
