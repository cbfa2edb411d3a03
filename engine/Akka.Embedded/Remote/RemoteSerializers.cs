#nullable enable
using Akka.Actor;
using Akka.Serialization;

namespace Akka.Remote.Serialization;

/// <summary>Writes a message inside another: its serializer, manifest and bytes.</summary>
internal static class NestedMessage
{
    private const int NullMessage = int.MinValue;

    public static void Write(BinaryWriter to, object? message, ActorSystem system)
    {
        if (message is null)
        {
            to.Write(NullMessage);
            return;
        }
        var serializer = system.Serialization.FindSerializerFor(message);
        byte[] bytes = serializer.ToBinary(message);
        to.Write(serializer.Identifier);
        to.Write(Akka.Serialization.Serialization.ManifestFor(serializer, message));
        to.Write7BitEncodedInt(bytes.Length);
        to.Write(bytes);
    }

    public static object? Read(BinaryReader from, ActorSystem system)
    {
        int serializer = from.ReadInt32();
        if (serializer == NullMessage)
            return null;
        string manifest = from.ReadString();
        int length = from.Read7BitEncodedInt();
        // Before memory is taken for it: a length may lie.
        if (length < 0 || length > from.BaseStream.Length - from.BaseStream.Position)
            throw new EndOfStreamException("nested message is cut short");
        return system.Serialization.Deserialize(from.ReadBytes(length), serializer, manifest);
    }
}

/// <summary>Selections on their way to the actors they select.</summary>
public class MessageContainerSerializer(ExtendedActorSystem system) : Serializer(system)
{
    private const byte ByName = 0, ByPattern = 1, Parent = 2;
    private const int MaxNameLength = 1024;

    public override bool IncludeManifest => false;

    public override byte[] ToBinary(object obj)
    {
        if (obj is not ActorSelectionMessage selection)
            throw new ArgumentException($"cannot serialize {obj.GetType()}; only {nameof(ActorSelectionMessage)}");
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(selection.WildCardFanOut);
        writer.Write7BitEncodedInt(selection.Elements.Length);
        foreach (var element in selection.Elements)
        {
            switch (element)
            {
                case SelectChildName name:
                    writer.Write(ByName);
                    writer.Write(name.Name);
                    break;
                case SelectChildPattern pattern:
                    writer.Write(ByPattern);
                    writer.Write(pattern.PatternStr);
                    break;
                default:
                    writer.Write(Parent);
                    break;
            }
        }
        NestedMessage.Write(writer, selection.Message, system);
        return stream.ToArray();
    }

    public override object FromBinary(byte[] bytes, Type type)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        bool fanOut = reader.ReadBoolean();
        var elements = new SelectionPathElement[Math.Min(reader.Read7BitEncodedInt(), bytes.Length)];
        for (int i = 0; i < elements.Length; i++)
            elements[i] = reader.ReadByte() switch
            {
                ByName => new SelectChildName(Name(reader.ReadString())),
                ByPattern => new SelectChildPattern(Name(reader.ReadString())),
                Parent => new SelectParent(),
                var other => throw new InvalidDataException($"a step of a selection is of kind {other}"),
            };
        object message = NestedMessage.Read(reader, system) ?? throw new InvalidDataException("selection without a message");
        return new ActorSelectionMessage(message, elements, fanOut);
    }

    /// <summary>What is no name is refused here: the guardian that would look for it takes the system with it when it fails.</summary>
    private static string Name(string name)
    {
        int hash = name.IndexOf('#');
        bool isName = name.Length is > 0 and <= MaxNameLength && !name.Contains('/') && (hash < 0 || long.TryParse(name.AsSpan(hash + 1), out _));
        return isName ? name : throw new InvalidDataException("a step of a selection is no name");
    }
}

/// <summary>Messages of the engine's own that travel.</summary>
public class MiscMessageSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    public override string Manifest(object o) => o switch
    {
        Identify => "ID",
        ActorIdentity => "AID",
        IActorRef => "AR",
        PoisonPill => "PP",
        Kill => "K",
        Status.Failure => "SF",
        Status.Success => "SS",
        RemoteWatcher.Heartbeat => "RWHB",
        RemoteWatcher.HeartbeatRsp => "RWHR",
        _ => throw new ArgumentException($"cannot serialize {o.GetType()}"),
    };

    public override byte[] ToBinary(object obj)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        switch (obj)
        {
            case Identify identify:
                NestedMessage.Write(writer, identify.MessageId, system);
                break;
            case ActorIdentity identity:
                NestedMessage.Write(writer, identity.MessageId, system);
                writer.Write(PathOf(identity.Subject));
                break;
            case IActorRef actor:
                writer.Write(PathOf(actor));
                break;
            case Status.Failure failure:
                writer.Write(failure.Cause is null ? "" : failure.Cause.GetType().AssemblyQualifiedName ?? "");
                writer.Write(failure.Cause?.Message ?? "");
                NestedMessage.Write(writer, failure.State, system);
                break;
            case Status.Success success:
                NestedMessage.Write(writer, success.Status, system);
                break;
            case RemoteWatcher.HeartbeatRsp response:
                writer.Write(response.AddressUid);
                break;
            case PoisonPill or Kill or RemoteWatcher.Heartbeat:
                break;
            default:
                throw new ArgumentException($"cannot serialize {obj.GetType()}");
        }
        return stream.ToArray();
    }

    public override object FromBinary(byte[] bytes, string manifest)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        return manifest switch
        {
            "ID" => new Identify(NestedMessage.Read(reader, system)),
            "AID" => new ActorIdentity(NestedMessage.Read(reader, system), Resolve(reader.ReadString())),
            "AR" => Resolve(reader.ReadString()) ?? ActorRefs.Nobody,
            "PP" => PoisonPill.Instance,
            "K" => Kill.Instance,
            "SF" => new Status.Failure(RestoreException(reader.ReadString(), reader.ReadString()), NestedMessage.Read(reader, system)),
            "SS" => new Status.Success(NestedMessage.Read(reader, system)),
            "RWHB" => RemoteWatcher.Heartbeat.Instance,
            "RWHR" => new RemoteWatcher.HeartbeatRsp(reader.ReadInt32()),
            _ => throw new ArgumentException($"unknown manifest '{manifest}'"),
        };
    }

    private static string PathOf(IActorRef? actor) =>
        actor.IsNobody() ? "" : Akka.Serialization.Serialization.SerializedActorPath(actor);

    private IActorRef? Resolve(string path) => path.Length == 0 ? null : system.Provider.ResolveActorRef(path);

    /// <summary>An exception of the same type if it is known here and takes a message, else one that names the type.</summary>
    private static Exception? RestoreException(string typeName, string message)
    {
        if (typeName.Length == 0)
            return null;
        var type = Type.GetType(typeName);
        if (type is not null && typeof(Exception).IsAssignableFrom(type) && type.GetConstructor([typeof(string)]) is { } make)
            return (Exception)make.Invoke([message]);
        return new RemoteTransportException($"{typeName.Split(',')[0]}: {message}");
    }
}
