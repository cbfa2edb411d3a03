using Akka.Actor;

namespace Akka.Serialization;

/// <summary>Turns objects into bytes and back.</summary>
public abstract class Serializer
{
    protected readonly ExtendedActorSystem system;
    private int? _identifier;

    protected Serializer(ExtendedActorSystem system) => this.system = system;

    /// <summary>The number of this serializer on the wire and on disk; by default from akka.actor.serialization-identifiers.</summary>
    public virtual int Identifier => _identifier ??= SerializerIdentifierHelper.GetSerializerIdentifierFromConfig(GetType(), system);

    /// <summary>Whether the type's name is needed to read the bytes.</summary>
    public abstract bool IncludeManifest { get; }

    public abstract byte[] ToBinary(object obj);
    public abstract object FromBinary(byte[] bytes, Type type);
    public T FromBinary<T>(byte[] bytes) => (T)FromBinary(bytes, typeof(T));

    /// <summary>Serializes for the system at the address: references are written as that system knows them.</summary>
    public byte[] ToBinaryWithAddress(Address address, object obj) => Serialization.WithTransport(system, address, () => ToBinary(obj));
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
