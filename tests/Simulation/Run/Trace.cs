using System.Collections;
using System.Reflection;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Run;

/// <summary>Writes a seed's events down in words. Costs nothing while there is none.</summary>
internal sealed class Trace(TextWriter target)
{
    public void Write(long time, string who, string what) => target.WriteLine($"{time / 1000,7}.{time % 1000:D3} {who,-4} {what}");

    /// <summary>A message, an input or a record by its public properties.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "null",
        string text => text,
        ReadOnlyMemory<byte> bytes => $"{bytes.Length} bytes",
        EntryBatch batch => $"{batch.FirstIndex}..{batch.LastIndex}@{batch.Term}{(batch.Kind == EntryKind.Command ? "" : " " + batch.Kind)}",
        Input.Start start => $"Start(last LSN {start.Recovered.LastLsn}, {start.Recovered.Log.Count} batches, damage: {start.Recovered.Damage ?? "none"})",
        PeerMessage or Input or WalRecord => $"{value.GetType().Name}({Properties(value)})",
        IEnumerable items => $"[{string.Join(' ', items.Cast<object>().Select(Describe))}]",
        _ => value.ToString() ?? "",
    };

    private static string Properties(object value) => string.Join(", ", value.GetType()
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.Name is not ("EncodedSize" or "EqualityContract"))
        .Select(property => (property.Name, Value: property.GetValue(value)))
        .Where(pair => pair.Value is not (null or 0L or 0 or false) && !(pair.Value is ReadOnlyMemory<byte> { IsEmpty: true }))
        .Select(pair => $"{pair.Name}: {Describe(pair.Value)}"));
}
