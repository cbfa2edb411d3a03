using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using Akka.Actor;
using Akka.DistributedData;
using Akka.Serialization;

namespace ActorRepl.EngineParity;

/// <summary>
/// A value of an application's own: lines by writer, of which each writer only adds. Its deltas fit only where all before them are.
/// </summary>
public sealed class ScriptData(ImmutableSortedDictionary<string, ImmutableList<string>> lines, ScriptDelta? delta = null)
    : IDeltaReplicatedData<ScriptData, ScriptDelta>
{
    public static readonly ScriptData Empty = new(ImmutableSortedDictionary<string, ImmutableList<string>>.Empty);

    /// <summary>Deltas that came before those they follow.</summary>
    public static ConcurrentQueue<string> Misfits { get; } = new();

    public ImmutableSortedDictionary<string, ImmutableList<string>> Lines { get; } = lines;

    public ScriptDelta Delta => delta!;

    IReplicatedDelta IDeltaReplicatedData.Delta => delta!;

    public ScriptData Add(string writer, string line)
    {
        var before = Of(writer);
        var step = new ScriptDelta(writer, before.Count, [line]);
        return new(Lines.SetItem(writer, before.Add(line)), delta is null ? step : delta.Merge(step));
    }

    public ImmutableList<string> Of(string writer) => Lines.GetValueOrDefault(writer, []);

    /// <summary>Of each writer the longer text: one is always the beginning of the other.</summary>
    public ScriptData Merge(ScriptData other) => new(other.Lines.Aggregate(
        Lines, (all, of) => of.Value.Count > Of(of.Key).Count ? all.SetItem(of.Key, of.Value) : all));

    public ScriptData MergeDelta(ScriptDelta delta)
    {
        var before = Of(delta.Writer);
        if (delta.Start > before.Count)
        {
            Misfits.Enqueue($"a delta from line {delta.Start} on came where there are {before.Count}");
            return this;
        }

        return new(Lines.SetItem(delta.Writer, before.AddRange(delta.Lines.Skip(before.Count - delta.Start))));
    }

    public ScriptData ResetDelta() => new(Lines);

    IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((ScriptData)other);

    IReplicatedData IDeltaReplicatedData.MergeDelta(IReplicatedDelta delta) => MergeDelta((ScriptDelta)delta);

    IReplicatedData IDeltaReplicatedData.ResetDelta() => ResetDelta();

    public override string ToString() => string.Join("; ", Lines.Select(of => $"{of.Key}: {of.Value.Count} lines"));
}

/// <summary>Lines that a writer has added after its first <paramref name="start"/>.</summary>
public sealed class ScriptDelta(string writer, int start, ImmutableList<string> lines) : IRequireCausualDeliveryOfDeltas
{
    public string Writer { get; } = writer;

    public int Start { get; } = start;

    public ImmutableList<string> Lines { get; } = lines;

    public IDeltaReplicatedData Zero => ScriptData.Empty;

    public ScriptDelta Merge(ScriptDelta next) => new(Writer, Start, Lines.AddRange(next.Lines));

    IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((ScriptDelta)other);
}

/// <summary>Writes scripts as text.</summary>
public sealed class ScriptDataSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    public override int Identifier => 4711;

    public override string Manifest(object o) => o is ScriptData ? "all" : "delta";

    public override byte[] ToBinary(object obj) => Encoding.UTF8.GetBytes(obj switch
    {
        ScriptData data => string.Join('\n', data.Lines.Select(of => $"{of.Key}|{string.Join('|', of.Value)}")),
        ScriptDelta delta => $"{delta.Writer}|{delta.Start}|{string.Join('|', delta.Lines)}",
        _ => throw new ArgumentException($"{obj.GetType()}"),
    });

    public override object FromBinary(byte[] bytes, string manifest)
    {
        string[][] lines = [.. Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('|'))];
        if (manifest == "delta")
            return new ScriptDelta(lines[0][0], int.Parse(lines[0][1], null), [.. lines[0].Skip(2)]);
        return new ScriptData(lines.ToImmutableSortedDictionary(line => line[0], line => line.Skip(1).ToImmutableList()));
    }
}

public sealed class ScriptKey(string id) : Key<ScriptData>(id);
