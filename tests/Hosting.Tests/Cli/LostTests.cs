using System.Text;
using System.Text.Json;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Tests.Cli;

/// <summary>Entries that a failover took out of a log, from the file to an operator's eyes.</summary>
public sealed class LostTests : IDisposable
{
    private readonly TempDirectory _data = new();

    [Fact]
    public async Task List_and_show_tell_what_is_in_the_files_of_all_nodes()
    {
        string path = Keep(2, Lost());
        Assert.Equal(Path.Combine(Node(2), "lost", "kv-3-41-7.entries"), path);
        Keep(10, Lost() with { Node = new ReplicaId(10), Shard = 0 });
        CommandResult list = await RunAsync("list");
        Assert.Equal(0, list.ExitCode);
        string[] lines = list.Output.Trim().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Contains(lines, line => line.StartsWith("2 ", StringComparison.Ordinal) && line.Contains("kv-3-41-7.entries", StringComparison.Ordinal) && line.Contains("node 1 took over", StringComparison.Ordinal));

        CommandResult show = await RunAsync("show", "kv-3-41-7.entries");
        Assert.Equal(0, show.ExitCode);
        Assert.Contains("SET colour \"light blue\"", show.Output, StringComparison.Ordinal);
        Assert.Contains("INCRBY n -2", show.Output, StringComparison.Ordinal);
        Assert.Contains("SET 0xFF00 x", show.Output, StringComparison.Ordinal);

        using JsonDocument json = JsonDocument.Parse((await RunAsync("show", path, "--json")).Output);
        JsonElement[] entries = [.. json.RootElement.GetProperty("entries").EnumerateArray()];
        Assert.Equal([41, 42, 43, 44], entries.Select(entry => entry.GetProperty("index").GetInt64()));
        Assert.Equal([7, 7, 7, 8], entries.Select(entry => entry.GetProperty("epoch").GetInt64()));
        Assert.EndsWith("/5", entries[3].GetProperty("session").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_entries_are_kept_once_and_others_of_that_name_beside_them()
    {
        string first = Keep(1, Lost());
        Assert.Equal(first, Keep(1, Lost()));
        string other = Keep(1, Lost() with { Batches = [Batch(41, 7, Set("a"u8, "b"u8))] });
        Assert.NotEqual(first, other);
        Assert.Equal(2, LostEntriesFiles.In(Node(1)).Count);
        Assert.Equal(4, LostEntriesFiles.Read(first).Count);
    }

    [Fact]
    public async Task A_damaged_file_is_named_and_so_is_one_that_is_not_there()
    {
        string path = Keep(1, Lost());
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        CommandResult damaged = await RunAsync("show", path);
        Assert.Equal(1, damaged.ExitCode);
        Assert.Contains($"{path} cannot be read: the checksum of an entry batch does not match", damaged.Error, StringComparison.Ordinal);
        CommandResult missing = await RunAsync("show", "kv-0-1-1.entries");
        Assert.Equal(1, missing.ExitCode);
        Assert.Contains("there is no file kv-0-1-1.entries", missing.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_any_it_says_so()
    {
        CommandResult list = await RunAsync("list");
        Assert.Equal((0, "nothing is lost\n"), (list.ExitCode, list.Output));
    }

    public void Dispose() => _data.Dispose();

    private string Node(int node) => Path.Combine(_data.Path, $"node-{node}");

    private string Keep(int node, LostEntries lost)
    {
        Directory.CreateDirectory(Node(node));
        return LostEntriesFiles.Keep(Node(node), lost);
    }

    private Task<CommandResult> RunAsync(params string[] arguments) => CommandLine.RunAsync(["lost", .. arguments, "--data", _data.Path]);

    private static LostEntries Lost() => new("kv", 3, new ReplicaId(2), 1_700_000_000_000_000, "node 1 took over", [
        Batch(41, 7, Set("colour"u8, "light blue"u8), CommandEnvelope.Encode(new KeyValuePayload().IncrementBy("n"u8, -2).ToArray()), Set([0xFF, 0x00], "x"u8)),
        Batch(44, 8, CommandEnvelope.Encode(new SessionStamp(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 5, 1), new KeyValuePayload().Delete("a"u8).ToArray())),
    ]);

    private static byte[] Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => CommandEnvelope.Encode(new KeyValuePayload().Set(key, value).ToArray());

    private static EntryBatch Batch(long first, long term, params byte[][] payloads) =>
        EntryBatch.Pack(EntryKind.Command, first, term, 1_700_000_000_000_000, [.. payloads.Select(payload => (ReadOnlyMemory<byte>)payload)]);
}
