using System.Collections.Concurrent;
using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Configuration.Hocon;
using Akka.Util;

namespace Akka.Serialization;

/// <summary>The system and address that references are being written for.</summary>
public sealed record Information(Address Address, ActorSystem System);

/// <summary>The serializers of a system, found by class as akka.actor.serialization-bindings says.</summary>
public class Serialization
{
    [ThreadStatic]
    private static Information _transport;

    private readonly Dictionary<string, Serializer> _byName = [];
    private readonly ConcurrentDictionary<int, Serializer> _byIdentifier = new();
    private readonly ConcurrentDictionary<Type, Serializer> _bound = new();
    private readonly ConcurrentDictionary<Type, Serializer> _found = new();
    private readonly ConcurrentDictionary<string, Type> _manifests = new();

    public Serialization(ExtendedActorSystem system)
    {
        System = system;
        Config config = system.Settings.Config;
        foreach ((string name, HoconValue value) in config.GetConfig("akka.actor.serializers").AsEnumerable())
        {
            string setting = $"akka.actor.serializers.{name}";
            Type type = TypeNames.Find(value.GetString(), setting);
            Config own = config.GetConfig($"akka.actor.serialization-settings.{name}");
            object serializer = own is not null && type.GetConstructor([typeof(ExtendedActorSystem), typeof(Config)]) is { } configured
                ? configured.Invoke([system, own])
                : type.GetConstructor([typeof(ExtendedActorSystem)]) is { } usual ? usual.Invoke([system])
                : throw new ConfigurationException($"{setting} names {type}, which lacks a constructor that takes an ExtendedActorSystem.");
            AddSerializer(name, (Serializer)serializer);
        }

        foreach ((string className, HoconValue value) in config.GetConfig("akka.actor.serialization-bindings").AsEnumerable())
        {
            string setting = $"akka.actor.serialization-bindings.\"{className}\"";
            if (!_byName.TryGetValue(value.GetString(), out Serializer serializer))
                throw new ConfigurationException($"{setting} names the serializer '{value.GetString()}', which akka.actor.serializers does not have.");
            AddSerializationMap(TypeNames.Find(className, setting), serializer);
        }
    }

    public ExtendedActorSystem System { get; }

    public void AddSerializer(Serializer serializer)
    {
        Serializer other = _byIdentifier.GetOrAdd(serializer.Identifier, serializer);
        if (other.GetType() != serializer.GetType())
            throw new ConfigurationException($"The serializers {other.GetType()} and {serializer.GetType()} have the same identifier {serializer.Identifier}.");
    }

    public void AddSerializer(string name, Serializer serializer)
    {
        AddSerializer(serializer);
        _byName[name] = serializer;
    }

    public void AddSerializationMap(Type type, Serializer serializer)
    {
        _bound[type] = serializer;
        _found.Clear();
    }

    public Serializer FindSerializerFor(object obj, string defaultSerializerName = null) =>
        FindSerializerForType(obj?.GetType() ?? typeof(object), defaultSerializerName);

    /// <summary>The serializer bound to the class itself, else to the nearest base, else to an interface of it.</summary>
    public Serializer FindSerializerForType(Type objectType, string defaultSerializerName = null)
    {
        if (_found.TryGetValue(objectType, out Serializer serializer)) return serializer;
        serializer = Bound(objectType) ?? (defaultSerializerName is not null ? _byName.GetValueOrDefault(defaultSerializerName) : null)
            ?? throw new SerializationException(
                $"No serializer is bound to [{objectType}]: add \"{TypeNames.Short(objectType)}\" or a base of it to akka.actor.serialization-bindings.");
        return _found[objectType] = serializer;
    }

    private Serializer Bound(Type type)
    {
        for (Type at = type; at is not null && at != typeof(object); at = at.BaseType)
        {
            if (_bound.TryGetValue(at, out Serializer serializer)) return serializer;
        }

        return _bound.Where(binding => binding.Key.IsAssignableFrom(type) && binding.Key != typeof(object)).Select(binding => binding.Value).FirstOrDefault()
            ?? _bound.GetValueOrDefault(typeof(object));
    }

    public byte[] Serialize(object o) => WithTransport(System, o, each => FindSerializerFor(each).ToBinary(each));

    /// <summary>Reads what the serializer of that number wrote under that manifest.</summary>
    public object Deserialize(byte[] bytes, int serializerId, string manifest)
    {
        if (!_byIdentifier.TryGetValue(serializerId, out Serializer serializer))
            throw new SerializationException($"Cannot find serializer with id [{serializerId}] (manifest [{manifest}]): akka.actor.serializers must have the one that wrote the message.");
        return WithTransport(System, (serializer, bytes, manifest), state => state.serializer switch
        {
            SerializerWithStringManifest own => own.FromBinary(state.bytes, state.manifest),
            _ when string.IsNullOrEmpty(state.manifest) => state.serializer.FromBinary(state.bytes, null),
            _ => state.serializer.FromBinary(state.bytes, TypeOf(state.manifest, serializerId)),
        });
    }

    public object Deserialize(byte[] bytes, int serializerId, Type type) =>
        _byIdentifier.TryGetValue(serializerId, out Serializer serializer)
            ? WithTransport(System, (serializer, bytes, type), state => state.serializer.FromBinary(state.bytes, state.type))
            : throw new SerializationException($"Cannot find serializer with id [{serializerId}] (class [{type?.Name}]): akka.actor.serializers must have the one that wrote the message.");

    private Type TypeOf(string manifest, int serializerId) => _manifests.GetOrAdd(manifest, name => TypeNames.TryFind(name)
        ?? throw new SerializationException($"Cannot find manifest class [{name}] for serializer with id [{serializerId}]."));

    /// <summary>What has to be kept with the bytes to read them again; "" if nothing.</summary>
    public static string ManifestFor(Serializer s, object msg) =>
        s is SerializerWithStringManifest own ? own.Manifest(msg) : s.IncludeManifest ? TypeNames.Short(msg.GetType()) : string.Empty;

    /// <summary>The path to write into a message, so that <see cref="DeserializeActorRef"/> finds the actor from wherever it goes.</summary>
    public static string SerializedActorPath(IActorRef actorRef)
    {
        if (Equals(actorRef, ActorRefs.NoSender)) return string.Empty;
        ActorPath path = actorRef.Path;
        if (_transport is { } transport) return path.ToSerializationFormatWithAddress(transport.Address);
        return actorRef is IInternalActorRef { Provider: { } provider } and not Nobody
            ? path.ToSerializationFormatWithAddress(provider.DefaultAddress)
            : path.ToSerializationFormat();
    }

    public IActorRef DeserializeActorRef(string path) => System.Provider.ResolveActorRef(path);

    /// <summary>What references are being written for, or null.</summary>
    public static Information GetCurrentTransportInformation() =>
        _transport ?? throw new InvalidOperationException("CurrentTransportInformation is not set. Use Serialization.WithTransport<T>.");

    public static T WithTransport<T>(ActorSystem system, Address address, Func<T> action)
    {
        Information before = _transport;
        _transport = new Information(address, system);
        try
        {
            return action();
        }
        finally
        {
            _transport = before;
        }
    }

    public static T WithTransport<T>(ExtendedActorSystem system, Func<T> action) => WithTransport(system, action, run => run());

    /// <summary>As above, for this system's own address, unless another is set already.</summary>
    public static T WithTransport<TState, T>(ExtendedActorSystem system, TState state, Func<TState, T> action)
    {
        Information before = _transport;
        if (before is null) _transport = new Information(system.Provider.DefaultAddress, system);
        try
        {
            return action(state);
        }
        finally
        {
            _transport = before;
        }
    }
}
