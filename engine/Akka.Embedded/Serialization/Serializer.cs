using Akka.Actor;
using Akka.Actor.Setup;

namespace Akka.Serialization;

/// <summary>Turns objects into bytes and back.</summary>
public abstract class Serializer
{
    protected readonly ExtendedActorSystem system;
    private readonly FastIdentifier _identifier;

    protected Serializer(ExtendedActorSystem system)
    {
        this.system = system;
        _identifier = new FastIdentifier(GetType(), system);
    }

    /// <summary>The number of this serializer on the wire and on disk; by default from akka.actor.serialization-identifiers.</summary>
    public virtual int Identifier => _identifier.Value;

    /// <summary>Whether the type's name is needed to read the bytes.</summary>
    public abstract bool IncludeManifest { get; }

    public abstract byte[] ToBinary(object obj);
    public abstract object FromBinary(byte[] bytes, Type type);
    public T FromBinary<T>(byte[] bytes) => (T)FromBinary(bytes, typeof(T));

    /// <summary>Serializes for the system at the address: references are written as that system knows them.</summary>
    public byte[] ToBinaryWithAddress(Address address, object obj) => Serialization.WithTransport(system, address, () => ToBinary(obj));

    private sealed class FastIdentifier(Type type, ExtendedActorSystem system)
    {
        private int? _value;
        public int Value => _value ??= SerializerIdentifierHelper.GetSerializerIdentifierFromConfig(type, system);
    }
}

/// <summary>A serializer that names the kind of each object itself.</summary>
public abstract class SerializerWithStringManifest(ExtendedActorSystem system) : Serializer(system)
{
    public sealed override bool IncludeManifest => true;
    public sealed override object FromBinary(byte[] bytes, Type type) => FromBinary(bytes, Akka.Util.TypeNames.Short(type));

    /// <summary>Reads bytes of the kind the manifest names.</summary>
    public abstract object FromBinary(byte[] bytes, string manifest);

    /// <summary>The kind of the object.</summary>
    public abstract string Manifest(object o);
}

/// <summary>Bytes are bytes.</summary>
public class ByteArraySerializer(ExtendedActorSystem system) : Serializer(system)
{
    public override bool IncludeManifest => false;

    public override byte[] ToBinary(object obj) => obj switch
    {
        null => null,
        byte[] bytes => bytes,
        _ => throw new NotSupportedException($"{nameof(ByteArraySerializer)} takes byte[] only, not {obj.GetType()}."),
    };

    public override object FromBinary(byte[] bytes, Type type) => bytes;
}

/// <summary>Reads serializers' numbers from the settings.</summary>
public static class SerializerIdentifierHelper
{
    public static int GetSerializerIdentifierFromConfig(Type type, ExtendedActorSystem system)
    {
        Akka.Configuration.Config identifiers = system.Settings.Config.GetConfig("akka.actor.serialization-identifiers");
        foreach ((string name, Akka.Configuration.Hocon.HoconValue value) in identifiers.AsEnumerable())
        {
            if (Akka.Util.TypeNames.TryFind(name) == type) return value.GetInt();
        }

        throw new ArgumentException($"Couldn't find serializer id for [{type}] under [akka.actor.serialization-identifiers] HOCON path");
    }
}

/// <summary>A serializer given in code, and what it is for.</summary>
public sealed class SerializerDetails
{
    private SerializerDetails(string alias, Serializer serializer, System.Collections.Immutable.ImmutableHashSet<Type> useFor)
    {
        Alias = alias;
        Serializer = serializer;
        UseFor = useFor;
    }

    public string Alias { get; }
    public Serializer Serializer { get; }
    public System.Collections.Immutable.ImmutableHashSet<Type> UseFor { get; }

    public static SerializerDetails Create(string alias, Serializer serializer, System.Collections.Immutable.ImmutableHashSet<Type> useFor) =>
        new(alias, serializer, useFor);
}

/// <summary>Serializers given in code.</summary>
public sealed class SerializationSetup : Setup
{
    private SerializationSetup(Func<ExtendedActorSystem, System.Collections.Immutable.ImmutableHashSet<SerializerDetails>> createSerializers) =>
        CreateSerializers = createSerializers;

    public Func<ExtendedActorSystem, System.Collections.Immutable.ImmutableHashSet<SerializerDetails>> CreateSerializers { get; }

    public static SerializationSetup Create(Func<ExtendedActorSystem, System.Collections.Immutable.ImmutableHashSet<SerializerDetails>> createSerializers) =>
        new(createSerializers);
}
