using System.IO.Compression;
using System.Text.Json;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>What people typed: transactions of patches, and the text that every correct replica ends with.</summary>
public sealed record EditTrace(IReadOnlyList<EditTrace.Transaction> Transactions, string EndContent)
{
    /// <param name="Position">In UTF-16 code units.</param>
    /// <param name="Deleted">Units deleted there.</param>
    /// <param name="Inserted">What is inserted there then.</param>
    public readonly record struct Patch(int Position, int Deleted, string Inserted);

    /// <param name="Author">Whose replica it was made on, from 0.</param>
    /// <param name="Parents">Transactions, by their indexes, whose states were merged before it.</param>
    /// <param name="Patches">One after the other.</param>
    public sealed record Transaction(int Author, IReadOnlyList<int> Parents, IReadOnlyList<Patch> Patches);

    /// <summary>Reads a <c>.json.gz</c>; one without parents was made by one author, each transaction after the one before.</summary>
    public static EditTrace Load(string path)
    {
        using var unpacked = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using JsonDocument document = JsonDocument.Parse(unpacked);
        var transactions = new List<Transaction>();
        foreach (JsonElement transaction in document.RootElement.GetProperty("txns").EnumerateArray())
        {
            int[] parents = transaction.TryGetProperty("parents", out JsonElement given)
                ? [.. given.EnumerateArray().Select(parent => parent.GetInt32())]
                : transactions.Count == 0 ? [] : [transactions.Count - 1];
            int author = transaction.TryGetProperty("agent", out JsonElement agent) ? agent.GetInt32() : 0;
            Patch[] patches = [.. transaction.GetProperty("patches").EnumerateArray().Select(patch => new Patch(patch[0].GetInt32(), patch[1].GetInt32(), patch[2].GetString()!))];
            transactions.Add(new Transaction(author, parents, patches));
        }

        return new EditTrace(transactions, document.RootElement.GetProperty("endContent").GetString()!);
    }
}
