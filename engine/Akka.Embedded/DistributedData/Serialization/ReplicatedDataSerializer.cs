using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Serialization;
using Akka.Util;

namespace Akka.DistributedData.Serialization;

/// <summary>The engine's own values in bytes. A manifest is a letter for the kind of value, and the types of its elements.</summary>
public sealed class ReplicatedDataSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private const BindingFlags Any = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly Dictionary<string, Type> Kinds = new()
    {
        ["F"] = typeof(Flag),
        ["C"] = typeof(GCounter),
        ["P"] = typeof(PNCounter),
        ["G"] = typeof(GSet<>),
        ["O"] = typeof(ORSet<>),
        ["o"] = typeof(ORSet<>).GetNestedType("DeltaGroup", BindingFlags.NonPublic),
        ["L"] = typeof(LWWRegister<>),
        ["M"] = typeof(ORDictionary<,>),
        ["m"] = typeof(ORDictionary<,>).GetNestedType("Changes", BindingFlags.NonPublic),
        ["N"] = typeof(PNCounterDictionary<>),
        ["W"] = typeof(LWWDictionary<,>),
        ["X"] = typeof(ORMultiValueDictionary<,>),
        ["V"] = typeof(VersionVector),
        ["D"] = typeof(DeletedData),
    };

    private static readonly Dictionary<Type, string> KindOf = Kinds.ToDictionary(kind => kind.Value, kind => kind.Key);
    private static readonly Dictionary<string, Type> Short = new() { ["s"] = typeof(string), ["i"] = typeof(int), ["l"] = typeof(long) };
    private static readonly Dictionary<Type, string> ShortOf = Short.ToDictionary(name => name.Value, name => name.Key);
    private static readonly ConcurrentDictionary<Type, string> Manifests = new();
    private static readonly ConcurrentDictionary<string, Func<DataReader, object>> Readers = new();

    public override string Manifest(object o) => Manifests.GetOrAdd(o.GetType(), type =>
    {
        if (!KindOf.TryGetValue(type.IsGenericType ? type.GetGenericTypeDefinition() : type, out string kind))
            throw new ArgumentException($"{nameof(ReplicatedDataSerializer)} does not know {type}; bind a serializer of its own to it.");
        return string.Join('|', [kind, .. type.GetGenericArguments().Select(argument => ShortOf.GetValueOrDefault(argument) ?? TypeNames.Short(argument))]);
    });

    public override byte[] ToBinary(object obj)
    {
        using var to = new DataWriter(system);
        ((IWireData)obj).Write(to);
        return to.ToArray();
    }

    public override object FromBinary(byte[] bytes, string manifest)
    {
        using var from = new DataReader(bytes, system);
        return Readers.GetOrAdd(manifest, ReaderOf)(from);
    }

    private static Func<DataReader, object> ReaderOf(string manifest)
    {
        string[] parts = manifest.Split('|');
        if (!Kinds.TryGetValue(parts[0], out Type kind)) throw new SerializationException($"unknown kind of replicated data in the manifest '{manifest}'");
        Type[] arguments = [.. parts.Skip(1).Select(name => Short.GetValueOrDefault(name) ?? TypeNames.TryFind(name)
            ?? throw new SerializationException($"cannot find the type '{name}' of the manifest '{manifest}'"))];
        Type type = kind.IsGenericTypeDefinition ? kind.MakeGenericType(arguments) : kind;
        return type.GetMethod("Read", Any, [typeof(DataReader)])!.CreateDelegate<Func<DataReader, object>>();
    }
}
