using System.Text;
using Akka.Actor;
using Akka.Cluster;
using Akka.Remote.Serialization;

namespace Akka.DistributedData.Serialization;

/// <summary>A value that writes itself, equal ones equally; a static method Read(DataReader) reads it.</summary>
internal interface IWireData
{
    void Write(DataWriter to);
}

/// <summary>Writes values: nodes once and then by number, elements of sets in the order of their bytes.</summary>
internal sealed class DataWriter : IDisposable
{
    private readonly MemoryStream _stream = new();
    private readonly BinaryWriter _to;
    private readonly Dictionary<UniqueAddress, int> _nodes = [];
    private readonly ExtendedActorSystem _system;

    public DataWriter(ExtendedActorSystem system)
    {
        _system = system;
        _to = new BinaryWriter(_stream);
    }

    public byte[] ToArray() => _stream.ToArray();
    public void Count(int count) => _to.Write7BitEncodedInt(count);
    public void Number(long number) => _to.Write7BitEncodedInt64(number);
    public void Text(string text) => _to.Write(text);
    public void Bytes(byte[] bytes) => _to.Write(bytes);
    public void Message(object message) => NestedMessage.Write(_to, message, _system);

    public void Node(UniqueAddress node)
    {
        bool known = _nodes.TryGetValue(node, out int number);
        Count(known ? number : _nodes.Count);
        if (known) return;
        _nodes.Add(node, _nodes.Count);
        Text(node.Address.ToString());
        _to.Write(node.Uid);
    }

    public void Element(object element) => Write(_to, element);

    /// <summary>The elements with their bytes, as <see cref="Element"/> writes them, in the one order every node finds.</summary>
    public List<(T Element, byte[] Bytes)> InOrder<T>(IEnumerable<T> elements)
    {
        List<(T Element, byte[] Bytes)> all = [];
        foreach (T element in elements)
        {
            using var stream = new MemoryStream();
            using var to = new BinaryWriter(stream);
            Write(to, element);
            all.Add((element, stream.ToArray()));
        }

        all.Sort((a, b) => a.Bytes.AsSpan().SequenceCompareTo(b.Bytes));
        return all;
    }

    public void Dispose() => _to.Dispose();

    private void Write(BinaryWriter to, object element)
    {
        switch (element)
        {
            case string text:
                to.Write((byte)ElementKind.Text);
                to.Write(text);
                break;
            case int number:
                to.Write((byte)ElementKind.Int);
                to.Write7BitEncodedInt(number);
                break;
            case long number:
                to.Write((byte)ElementKind.Long);
                to.Write7BitEncodedInt64(number);
                break;
            default:
                to.Write((byte)ElementKind.Other);
                NestedMessage.Write(to, element, _system);
                break;
        }
    }
}

internal enum ElementKind : byte
{
    Text,
    Int,
    Long,
    Other,
}

/// <summary>Reads what <see cref="DataWriter"/> wrote.</summary>
internal sealed class DataReader(byte[] bytes, ExtendedActorSystem system) : IDisposable
{
    private readonly BinaryReader _from = new(new MemoryStream(bytes), Encoding.UTF8);
    private readonly List<UniqueAddress> _nodes = [];

    /// <summary>A number of items that follow, each of at least a byte.</summary>
    public int Count() => _from.Read7BitEncodedInt() is var count && count >= 0 && count <= bytes.Length
        ? count : throw new InvalidDataException($"a count of {count} in {bytes.Length} bytes");

    public long Number() => _from.Read7BitEncodedInt64();
    public string Text() => _from.ReadString();
    public byte[] Bytes(int length) => _from.ReadBytes(length) is var read && read.Length == length ? read : throw new EndOfStreamException();
    public object Message() => NestedMessage.Read(_from, system);

    public UniqueAddress Node()
    {
        int number = Count();
        if (number > _nodes.Count) throw new InvalidDataException($"node number {number} after {_nodes.Count} nodes");
        if (number == _nodes.Count) _nodes.Add(new UniqueAddress(Address.Parse(Text()), _from.ReadInt32()));
        return _nodes[number];
    }

    public T Element<T>() => (T)((ElementKind)_from.ReadByte() switch
    {
        ElementKind.Text => _from.ReadString(),
        ElementKind.Int => _from.Read7BitEncodedInt(),
        ElementKind.Long => _from.Read7BitEncodedInt64(),
        _ => (object)NestedMessage.Read(_from, system),
    });

    public void Dispose() => _from.Dispose();
}
