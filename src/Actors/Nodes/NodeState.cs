using System.Collections.Immutable;
using System.Text;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using Akka.Actor;

namespace ActorRepl.Actors.Nodes;

/// <summary>
/// A replica's data on this node. <see cref="Generation"/> 0: it is there since the cluster was founded; otherwise it
/// joined later, and each that does has a number, and data, of its own.
/// </summary>
public readonly record struct HostedShard(string Group, int Shard, int Generation)
{
    public bool Joined => Generation > 0;
}

/// <summary>
/// What a node remembers between two runs beside its replicas' data: who is there, which replicas it holds, and what it
/// last heard from the control group. So it can serve at once when it starts, whether that group answers or not.
/// <para>
/// Layout: version (1), the fields in the order of this class, lists with a count (4), and the CRC-32C of it all (4).
/// Version 1 has none of the founding: its cluster has been founded.
/// </para>
/// </summary>
public sealed record NodeState
{
    private const byte Version = 2;

    /// <summary>Names this very memory, and the replicas' data beside it: a node whose disk was lost comes back with another.</summary>
    public Guid Disk { get; init; }

    /// <summary>The nodes the cluster was founded by; they hold every shard's first replicas.</summary>
    public IReadOnlyList<ReplicaId> Founders { get; init; } = [];

    public IReadOnlyList<NodeInfo> Nodes { get; init; } = [];

    /// <summary>The groups whose first replicas have been placed here, or that had none to place.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    public IReadOnlyList<HostedShard> Hosted { get; init; } = [];

    /// <summary>Data of replicas that are no more, not all deleted yet.</summary>
    public IReadOnlyList<HostedShard> Leftovers { get; init; } = [];

    /// <summary>The generation that was given last.</summary>
    public int LastGeneration { get; init; }

    /// <summary>The last state of the control group this node saw, as that group encodes it; empty: none.</summary>
    public ReadOnlyMemory<byte> Control { get; init; }

    /// <summary>It has a disk, and whether it founds or joins is not decided: no replica may start.</summary>
    public bool Undecided { get; init; }

    /// <summary>The disks of the founders when they founded, itself included; empty: they were not asked, or have not all been heard.</summary>
    public IReadOnlyDictionary<ReplicaId, Guid> FoundingDisks { get; init; } = ImmutableSortedDictionary<ReplicaId, Guid>.Empty;

    /// <summary>The disk a node was last known to have; empty: unknown.</summary>
    public Guid DiskOf(ReplicaId node)
    {
        try
        {
            if (!Control.IsEmpty && ControlStateCodec.Decode(Control).Node(node) is { } registered)
                return registered.Disk;
        }
        catch (InvalidDataException)
        {
            // Of another version: as if it had not been told yet.
        }

        return FoundingDisks.GetValueOrDefault(node);
    }

    /// <summary>How a group's keys are placed, as the control group had it last; null: unknown.</summary>
    /// <exception cref="InvalidDataException">By a rule of another version.</exception>
    public KeyPlacement? KeyPlacementOf(string group)
    {
        ControlState state;
        try
        {
            state = Control.IsEmpty ? ControlState.Empty : ControlStateCodec.Decode(Control);
        }
        catch (InvalidDataException)
        {
            return null;
        }

        return state.Groups.TryGetValue(group, out ControlGroup? known) ? GroupOptions.PlacementOf(known.Options) : null;
    }

    /// <summary>What a node that joins is told to begin with: who is there, and no replicas.</summary>
    public NodeState ForOneThatJoins() => new() { Founders = Founders, Nodes = Nodes, Control = Control, FoundingDisks = FoundingDisks };

    public byte[] Encode()
    {
        byte[] bytes = new byte[Size()];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.Raw(Disk.ToByteArray(bigEndian: true));
        writer.Int32(Founders.Count);
        foreach (ReplicaId founder in Founders)
            writer.Int32(founder.Value);
        writer.Int32(Nodes.Count);
        foreach (NodeInfo node in Nodes)
            Write(ref writer, node);
        writer.Int32(Groups.Count);
        foreach (string group in Groups)
            writer.Text(group);
        foreach (IReadOnlyList<HostedShard> list in (IReadOnlyList<HostedShard>[])[Hosted, Leftovers])
        {
            writer.Int32(list.Count);
            foreach (HostedShard shard in list)
                Write(ref writer, shard);
        }

        writer.Int32(LastGeneration);
        writer.Bytes(Control.Span);
        writer.Byte(Undecided ? (byte)1 : (byte)0);
        writer.Int32(FoundingDisks.Count);
        foreach ((ReplicaId node, Guid disk) in FoundingDisks.OrderBy(pair => pair.Key))
        {
            writer.Int32(node.Value);
            writer.Raw(disk.ToByteArray(bigEndian: true));
        }

        writer.UInt32(Crc32C.Compute(bytes.AsSpan(0, writer.Position)));
        Invariant.That(writer.Position == bytes.Length, "a node's state is as long as it says");
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no node's state, or are damaged.</exception>
    public static NodeState Decode(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length <= sizeof(uint) || new ByteReader(bytes[^sizeof(uint)..]).UInt32() != Crc32C.Compute(bytes.Span[..^sizeof(uint)]))
            throw new InvalidDataException("its checksum does not match");
        var reader = new ByteReader(bytes[..^sizeof(uint)]);
        byte version = reader.Byte();
        if (version is < 1 or > Version)
            throw new InvalidDataException($"it has version {version}; this build reads 1 to {Version}");
        var disk = new Guid(reader.Raw(16).Span, bigEndian: true);
        var founders = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < founders.Length; i++)
            founders[i] = new ReplicaId(reader.Int32());
        var nodes = new NodeInfo[reader.Count(5 * sizeof(int))];
        for (int i = 0; i < nodes.Length; i++)
            nodes[i] = ReadNode(ref reader);
        string[] groups = new string[reader.Count(sizeof(int))];
        for (int i = 0; i < groups.Length; i++)
            groups[i] = reader.Text();
        var state = new NodeState
        {
            Disk = disk,
            Founders = founders,
            Nodes = nodes,
            Groups = groups,
            Hosted = ReadShards(ref reader),
            Leftovers = ReadShards(ref reader),
            LastGeneration = reader.Int32(),
            Control = reader.Bytes(),
        };
        if (version > 1)
            state = state with { Undecided = reader.Bool(), FoundingDisks = ReadDisks(ref reader) };
        reader.End();
        return state;
    }

    private int Size() => 1 + 16 + sizeof(int) * (1 + Founders.Count) + sizeof(int) + Nodes.Sum(SizeOf) + sizeof(int) + Groups.Sum(SizeOf)
        + sizeof(int) + Hosted.Sum(SizeOf) + sizeof(int) + Leftovers.Sum(SizeOf) + sizeof(int) + sizeof(int) + Control.Length
        + 1 + sizeof(int) + FoundingDisks.Count * (sizeof(int) + 16) + sizeof(uint);

    private static int SizeOf(string text) => sizeof(int) + Encoding.UTF8.GetByteCount(text);

    private static int SizeOf(HostedShard shard) => SizeOf(shard.Group) + 2 * sizeof(int);

    private static int SizeOf(NodeInfo node) =>
        sizeof(int) + SizeOf(node.Name) + SizeOf(node.Address.ToString()) + SizeOf(node.Region) + SizeOf(node.Rack);

    private static void Write(ref ByteWriter writer, NodeInfo node)
    {
        writer.Int32(node.Id.Value);
        writer.Text(node.Name);
        writer.Text(node.Address.ToString());
        writer.Text(node.Region);
        writer.Text(node.Rack);
    }

    private static NodeInfo ReadNode(ref ByteReader reader)
    {
        var id = new ReplicaId(reader.Int32());
        string name = reader.Text(), text = reader.Text();
        return Address.TryParse(text, out Address address)
            ? new NodeInfo(id, name, address) { Region = reader.Text(), Rack = reader.Text() }
            : throw new InvalidDataException($"the address of {id} is '{text}'");
    }

    private static void Write(ref ByteWriter writer, HostedShard shard)
    {
        writer.Text(shard.Group);
        writer.Int32(shard.Shard);
        writer.Int32(shard.Generation);
    }

    private static ImmutableSortedDictionary<ReplicaId, Guid> ReadDisks(ref ByteReader reader)
    {
        ImmutableSortedDictionary<ReplicaId, Guid>.Builder disks = ImmutableSortedDictionary.CreateBuilder<ReplicaId, Guid>();
        for (int left = reader.Count(sizeof(int) + 16); left > 0; left--)
            disks[new ReplicaId(reader.Int32())] = new Guid(reader.Raw(16).Span, bigEndian: true);
        return disks.ToImmutable();
    }

    private static HostedShard[] ReadShards(ref ByteReader reader)
    {
        var shards = new HostedShard[reader.Count(3 * sizeof(int))];
        for (int i = 0; i < shards.Length; i++)
            shards[i] = new HostedShard(reader.Text(), reader.Int32(), reader.Int32());
        return shards;
    }
}
