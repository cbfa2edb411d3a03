using ActorRepl.Protocols.Crdt;
using Akka.Actor;
using Akka.Serialization;

namespace ActorRepl.Actors.Crdt;

/// <summary>
/// Writes what Akka.DistributedData carries of ActorRepl's own types. Equal values have equal bytes on every node, so that their digests agree; the manifest names the type and, by its
/// digit, the version of its form.
/// </summary>
public sealed class ReplicatedCrdtSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    // Part of the wire format.
    public override int Identifier => 7302;

    public override string Manifest(object o) => o is IReplicatedCrdt value ? value.Manifest : throw Foreign(o);

    public override byte[] ToBinary(object obj)
    {
        var writer = new CrdtWriter();
        (obj as IReplicatedCrdt ?? throw Foreign(obj)).Write(writer);
        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no such value.</exception>
    public override object FromBinary(byte[] bytes, string manifest) =>
        CrdtManifests.Readers.TryGetValue(manifest, out Func<byte[], object>? read) ? read(bytes)
            : throw new ArgumentException($"a value has the unknown manifest '{manifest}'; known are {string.Join(", ", CrdtManifests.Readers.Keys)}", nameof(manifest));

    private static ArgumentException Foreign(object o) => new($"{o.GetType()} is no value of ActorRepl's own types");
}

/// <summary>Every type that Akka.DistributedData carries for us, by its name on the wire.</summary>
internal static class CrdtManifests
{
    private static readonly Dictionary<Type, string> Names = [];

    static CrdtManifests()
    {
        Add<Causal<MvRegister>>("mv");
        Add<Causal<AddWinsMap>>("am");
        Add<Causal<RemoveWinsMap>>("rm");
        AddSequence<Text, char>("tx");
        AddSequence<CausalList, Datum>("ls");
        Add(typeof(BoundedCounter), "bc", bytes => ReplicatedBoundedCounter.Read(bytes), ReplicatedBoundedCounterDelta.Read);
    }

    /// <summary>By manifest.</summary>
    public static Dictionary<string, Func<byte[], object>> Readers { get; } = [];

    /// <exception cref="NotSupportedException">The type is none of those that are carried.</exception>
    public static string Of(Type type) => NameOf(type) + "1";

    /// <inheritdoc cref="Of"/>
    public static string OfDelta(Type type) => NameOf(type) + "d1";

    private static string NameOf(Type type) => Names.TryGetValue(type, out string? name) ? name
        : throw new NotSupportedException($"{type} is none of the types that are carried: {string.Join(", ", Names.Keys.Select(known => known.Name))}");

    private static void Add<T>(string name) where T : class, ICrdt<T>, new() =>
        Add(typeof(T), name, bytes => new ReplicatedCrdt<T>(CrdtCodec.Decode<T>(bytes)), ReplicatedCrdtDelta<T>.Read);

    private static void AddSequence<T, TItem>(string name) where T : Sequence<TItem>, ICrdt<T>, new() =>
        Add(typeof(T), name, bytes => new ReplicatedSequence<T, TItem>(CrdtCodec.Decode<T>(bytes)), ReplicatedSequenceDelta<T, TItem>.Read);

    private static void Add(Type type, string name, Func<byte[], object> whole, Func<byte[], object> delta)
    {
        Names.Add(type, name);
        Readers.Add(name + "1", whole);
        Readers.Add(name + "d1", delta);
    }
}
