using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// The state as bytes: equal states have equal bytes.
/// <para>Layout: format (1), version (8), nodes, groups; each list a count (4) and its items in ascending order of their keys.</para>
/// </summary>
public static class ControlStateCodec
{
    private const byte Format = 1;
    private const int LeastNode = 4 + 4 + 4 + 4 + 4 + 16 + 8 + 1 + 8;
    private const int LeastGroup = 4 + 4 + 4 + 4 + 8 + 4;
    private const int LeastShard = 4 + 8 + 4 + 8 + 4 + 4 + 4 + 4 + 4;

    public static ReadOnlyMemory<byte> Encode(ControlState state)
    {
        var writer = new ControlWriter();
        writer.Byte(Format);
        writer.Int64(state.Version);
        writer.Int32(state.Nodes.Count);
        foreach (ControlNode node in state.Nodes.Values)
            Write(writer, node);
        writer.Int32(state.Groups.Count);
        foreach (ControlGroup group in state.Groups.Values)
            Write(writer, group);
        return writer.Written;
    }

    /// <exception cref="InvalidDataException">The bytes are no state.</exception>
    public static ControlState Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte format = reader.Byte();
        if (format != Format)
            throw new InvalidDataException($"a control state has format {format}; this build reads {Format}");
        var state = new ControlState { Version = reader.Int64() };
        for (int left = reader.Count(LeastNode); left > 0; left--)
        {
            ControlNode node = ReadNode(ref reader);
            if (state.Nodes.Count > 0 && node.Id <= state.Nodes.Keys.Last())
                throw new InvalidDataException($"node {node.Id} is out of order in a control state");
            state = state.With(node);
        }

        string last = "";
        for (int left = reader.Count(LeastGroup); left > 0; left--)
        {
            ControlGroup group = ReadGroup(ref reader);
            if (string.CompareOrdinal(group.Name, last) <= 0)
                throw new InvalidDataException($"group '{group.Name}' is out of order in a control state");
            last = group.Name;
            state = state.With(group);
        }

        reader.End();
        return state;
    }

    internal static void Write(ControlWriter writer, ControlGroup group)
    {
        writer.Text(group.Name);
        writer.Text(group.Protocol);
        writer.Int32(group.Replicas);
        writer.Text(group.Options);
        writer.Int64(group.CreatedVersion);
        writer.Int32(group.Shards.Count);
        foreach (ControlShard shard in group.Shards)
            Write(writer, shard);
    }

    internal static ControlGroup ReadGroup(ref ByteReader reader)
    {
        var group = new ControlGroup
        {
            Name = reader.StrictText(),
            Protocol = reader.StrictText(),
            Replicas = reader.Int32(),
            Options = reader.StrictText(),
            CreatedVersion = reader.Int64(),
            Shards = [],
        };
        ImmutableList<ControlShard>.Builder shards = ImmutableList.CreateBuilder<ControlShard>();
        for (int left = reader.Count(LeastShard); left > 0; left--)
            shards.Add(ReadShard(ref reader));
        return group with { Shards = shards.ToImmutable() };
    }

    private static void Write(ControlWriter writer, ControlNode node)
    {
        writer.Replica(node.Id);
        writer.Text(node.Name);
        writer.Text(node.Address);
        writer.Text(node.Region);
        writer.Text(node.Rack);
        writer.Guid(node.Disk);
        writer.Int64(node.DiskVersion);
        writer.Byte((byte)node.Status);
        writer.Time(node.StatusSince);
    }

    private static ControlNode ReadNode(ref ByteReader reader) => new()
    {
        Id = reader.Replica(),
        Name = reader.StrictText(),
        Address = reader.StrictText(),
        Region = reader.StrictText(),
        Rack = reader.StrictText(),
        Disk = reader.Guid(),
        DiskVersion = reader.Int64(),
        Status = reader.Enum<NodeStatus>(),
        StatusSince = reader.Time(),
    };

    private static void Write(ControlWriter writer, ControlShard shard)
    {
        writer.Bytes(shard.Members.Encode());
        writer.Int64(shard.MembersVersion);
        writer.Replica(shard.PreferredLeader);
        writer.Int64(shard.Epoch);
        writer.Bytes(shard.View.Span);
        writer.Replicas(shard.Initial);
        writer.Replicas(shard.Founders);
        writer.Replicas(shard.Leaving);
        writer.Replicas(shard.Retired);
    }

    private static ControlShard ReadShard(ref ByteReader reader) => new()
    {
        Members = Membership.Decode(reader.Bytes()),
        MembersVersion = reader.Int64(),
        PreferredLeader = reader.Replica(),
        Epoch = reader.Int64(),
        View = reader.Bytes().ToArray(),
        Initial = [.. reader.Replicas()],
        Founders = [.. reader.Replicas()],
        Leaving = [.. reader.Replicas()],
        Retired = [.. reader.Replicas()],
    };
}
