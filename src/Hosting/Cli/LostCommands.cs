using System.Globalization;
using System.Text;
using System.Text.Json;
using ActorRepl.Hosting.Status;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl lost list</c> and <c>show</c>: reads files of nodes that may be running or not.</summary>
internal static class LostCommands
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static int List(string data, bool json)
    {
        string[] paths = [.. FilesIn(data)];
        if (paths.Length == 0 && !Directory.Exists(data))
            throw new UserErrorException($"there is no directory {data}; say where the data is by --data");
        LostFile[] files = [.. paths.Select(path => Describe(path, Read(path)))];
        if (json)
            Terminal.Json(new LostFiles(files), StatusJson.Default.LostFiles);
        else if (files.Length == 0)
            Terminal.Line("nothing is lost");
        else
            Terminal.Table(
                ["node", "file", "group", "shard", "entries", "first", "last", "epoch", "when", "why"],
                [.. files.Select(file => (string[])[$"{file.Node}", Path.GetFileName(file.File), file.Group, $"{file.Shard}", $"{file.Entries}", $"{file.First}", $"{file.Last}", $"{file.Epoch}", file.When, file.Why])]);
        return ExitCode.Success;
    }

    public static int Show(string data, string file, bool json)
    {
        string path = Find(data, file);
        LostEntries lost = Read(path);
        LostEntry[] entries = [.. Entries(lost)];
        if (json)
            Terminal.Json(new LostContent(Describe(path, lost), entries), StatusJson.Default.LostContent);
        else
            Terminal.Table(["index", "epoch", "when", "command"], [.. entries.Select(entry => (string[])[$"{entry.Index}", $"{entry.Epoch}", entry.When, entry.Command])]);
        return ExitCode.Success;
    }

    private static IEnumerable<string> FilesIn(string data) => Directory.Exists(data)
        ? Directory.GetDirectories(data, "node-*").Order(StringComparer.Ordinal).SelectMany(LostEntriesFiles.In)
        : [];

    private static string Find(string data, string file)
    {
        if (File.Exists(file))
            return Path.GetFullPath(file);
        string[] named = [.. FilesIn(data).Where(path => Path.GetFileName(path) == file)];
        return named.Length switch
        {
            1 => named[0],
            0 => throw new UserErrorException($"there is no file {file}, and none of that name under {data}; 'actorrepl lost list' shows those there are"),
            _ => throw new UserErrorException($"several nodes have a file {file}; name one of {string.Join(", ", named)}"),
        };
    }

    private static LostEntries Read(string path)
    {
        try
        {
            return LostEntriesFiles.Read(path);
        }
        catch (Exception unreadable) when (unreadable is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} cannot be read: {unreadable.Message}");
        }
    }

    private static LostFile Describe(string path, LostEntries lost) =>
        new(path, lost.Node.Value, lost.Group, lost.Shard, lost.Count, lost.FirstIndex, lost.LastIndex, lost.FirstTerm, Time(lost.Wall), lost.Why);

    private static IEnumerable<LostEntry> Entries(LostEntries lost)
    {
        foreach (EntryBatch batch in lost.Batches)
        {
            long index = batch.FirstIndex;
            foreach (ReadOnlyMemory<byte> payload in batch)
                yield return Entry(batch, index++, payload);
        }
    }

    private static LostEntry Entry(EntryBatch batch, long index, ReadOnlyMemory<byte> payload)
    {
        string when = Time(batch.Wall), base64 = Convert.ToBase64String(payload.Span);
        if (batch.Kind != EntryKind.Command)
            return new LostEntry(index, batch.Term, when, batch.Kind == EntryKind.NoOp ? "(a new primary's first entry)" : "(members)", base64, null);
        try
        {
            ReadOnlyMemory<byte> command = CommandEnvelope.Decode(payload, out SessionStamp? stamp);
            return new LostEntry(index, batch.Term, when, Words(command), base64, stamp is { } session ? $"{session.Client}/{session.Sequence}" : null);
        }
        catch (InvalidDataException)
        {
            return new LostEntry(index, batch.Term, when, $"({payload.Length} bytes of an application's own)", base64, null);
        }
    }

    /// <summary>In the words of Redis, for the built-in machine.</summary>
    private static string Words(ReadOnlyMemory<byte> command)
    {
        var words = new List<string>();
        KeyValueOperationReader operations = KeyValueCodec.Operations(command);
        while (operations.Next(out KeyValueOperation operation))
            words.Add(Words(operation));
        return string.Join("; ", words);
    }

    private static string Words(in KeyValueOperation operation) => operation.Kind switch
    {
        KeyValueOperationKind.Set => $"SET {Text(operation.Key)} {Text(operation.Value)}",
        KeyValueOperationKind.Delete => $"DEL {Text(operation.Key)}",
        KeyValueOperationKind.Append => $"APPEND {Text(operation.Key)} {Text(operation.Value)}",
        KeyValueOperationKind.IncrementBy => string.Create(CultureInfo.InvariantCulture, $"INCRBY {Text(operation.Key)} {operation.Amount}"),
        KeyValueOperationKind.CompareAndSet => $"CAS {Text(operation.Key)} {(operation.Expected is { } expected ? Text(expected) : "(missing)")} {Text(operation.Value)}",
        _ => $"{operation.Kind} {Text(operation.Key)}",
    };

    private static string Text(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            string text = Strict.GetString(bytes.Span);
            return text.Length > 0 && text.All(c => c > ' ' && c != '"' && !char.IsControl(c)) ? text : JsonSerializer.Serialize(text, StatusJson.Default.String);
        }
        catch (DecoderFallbackException)
        {
            return $"0x{Convert.ToHexString(bytes.Span)}";
        }
    }

    private static string Time(long wall) =>
        DateTime.UnixEpoch.AddMicroseconds(wall).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
}
