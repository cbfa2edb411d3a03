using System.Buffers.Binary;
using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using Akka.Serialization;

namespace Akka.Remote.Serialization;

/// <summary>Text as UTF-8, whole numbers in four or eight bytes, lowest first.</summary>
public sealed class PrimitiveSerializers(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    public override string Manifest(object o) => o switch
    {
        string => "S",
        int => "I",
        long => "L",
        _ => throw Unknown(o),
    };

    public override byte[] ToBinary(object obj)
    {
        switch (obj)
        {
            case string text:
                return Encoding.UTF8.GetBytes(text);
            case int number:
                byte[] four = new byte[4];
                BinaryPrimitives.WriteInt32LittleEndian(four, number);
                return four;
            case long number:
                byte[] eight = new byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(eight, number);
                return eight;
            default:
                throw Unknown(obj);
        }
    }

    public override object FromBinary(byte[] bytes, string manifest) => manifest switch
    {
        "S" or "System.String" => Encoding.UTF8.GetString(bytes),
        "I" or "System.Int32" => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        "L" or "System.Int64" => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        _ => throw new SerializationException($"{nameof(PrimitiveSerializers)} knows the manifests S, I and L, not '{manifest}'."),
    };

    private static ArgumentException Unknown(object o) => new($"{nameof(PrimitiveSerializers)} takes string, int and long, not {o?.GetType()}.");
}
