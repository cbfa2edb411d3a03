using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// Commands, queries and results as bytes: a format (1), a kind (1), then the fields in the order of their declaration. A
/// text or list has its length (4) in front.
/// </summary>
public static class ControlCodec
{
    private const byte Format = 1;

    private enum Kind : byte
    {
        RegisterNode = 1,
        SetNodeStatus = 2,
        RegisterGroup = 3,
        SetMembers = 4,
        SetPreferredLeader = 5,
        InstallView = 6,
        ReleaseReplica = 7,
        RemoveNode = 8,
        StateSince = 32,
        GroupByName = 33,
        Accepted = 64,
        Refused = 65,
        State = 66,
        Group = 67,
    }

    public static ReadOnlyMemory<byte> Encode(ControlCommand command)
    {
        switch (command)
        {
            case ControlCommand.RegisterNode(var node, var name, var address, var disk, var region, var rack):
                ControlWriter writer = Begin(Kind.RegisterNode);
                writer.Replica(node);
                writer.Text(name);
                writer.Text(address);
                writer.Guid(disk);
                writer.Text(region);
                writer.Text(rack);
                return writer.Written;
            case ControlCommand.SetNodeStatus(var node, var expected, var status):
                writer = Begin(Kind.SetNodeStatus);
                writer.Replica(node);
                writer.Byte((byte)expected);
                writer.Byte((byte)status);
                return writer.Written;
            case ControlCommand.RegisterGroup(var name, var protocol, var replicas, var options, var placement):
                writer = Begin(Kind.RegisterGroup);
                writer.Text(name);
                writer.Text(protocol);
                writer.Int32(replicas);
                writer.Text(options);
                writer.Int32(placement.Length);
                foreach (ShardPlan plan in placement)
                {
                    writer.Bytes(plan.Members.Encode());
                    writer.Replica(plan.PreferredLeader);
                }

                return writer.Written;
            case ControlCommand.SetMembers(var shard, var expected, var members):
                writer = Begin(Kind.SetMembers);
                writer.Shard(shard);
                writer.Int64(expected);
                writer.Bytes(members.Encode());
                return writer.Written;
            case ControlCommand.SetPreferredLeader(var shard, var leader):
                writer = Begin(Kind.SetPreferredLeader);
                writer.Shard(shard);
                writer.Replica(leader);
                return writer.Written;
            case ControlCommand.InstallView(var shard, var expected, var view):
                writer = Begin(Kind.InstallView);
                writer.Shard(shard);
                writer.Int64(expected);
                writer.Bytes(view.Span);
                return writer.Written;
            case ControlCommand.ReleaseReplica(var shard, var node, var disk):
                writer = Begin(Kind.ReleaseReplica);
                writer.Shard(shard);
                writer.Replica(node);
                writer.Guid(disk);
                return writer.Written;
            case ControlCommand.RemoveNode(var node):
                writer = Begin(Kind.RemoveNode);
                writer.Replica(node);
                return writer.Written;
            default:
                throw new InvariantViolationException($"every control command has a code: {command}");
        }
    }

    /// <exception cref="InvalidDataException">The bytes are no command.</exception>
    public static ControlCommand DecodeCommand(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        Kind kind = Begin(ref reader);
        ControlCommand command = kind switch
        {
            Kind.RegisterNode => ReadRegisterNode(ref reader),
            Kind.SetNodeStatus => new ControlCommand.SetNodeStatus(reader.Replica(), reader.Enum<NodeStatus>(), reader.Enum<NodeStatus>()),
            Kind.RegisterGroup => new ControlCommand.RegisterGroup(
                reader.StrictText(), reader.StrictText(), reader.Int32(), reader.StrictText(), ReadPlacement(ref reader)),
            Kind.SetMembers => new ControlCommand.SetMembers(reader.Shard(), reader.Int64(), Membership.Decode(reader.Bytes())),
            Kind.SetPreferredLeader => new ControlCommand.SetPreferredLeader(reader.Shard(), reader.Replica()),
            Kind.InstallView => new ControlCommand.InstallView(reader.Shard(), reader.Int64(), reader.Bytes().ToArray()),
            Kind.ReleaseReplica => new ControlCommand.ReleaseReplica(reader.Shard(), reader.Replica(), reader.Guid()),
            Kind.RemoveNode => new ControlCommand.RemoveNode(reader.Replica()),
            _ => throw new InvalidDataException($"a control command has the kind {(byte)kind}, which is none"),
        };
        reader.End();
        return command;
    }

    public static ReadOnlyMemory<byte> Encode(ControlQuery query)
    {
        switch (query)
        {
            case ControlQuery.StateSince(var version):
                ControlWriter writer = Begin(Kind.StateSince);
                writer.Int64(version);
                return writer.Written;
            case ControlQuery.Group(var name):
                writer = Begin(Kind.GroupByName);
                writer.Text(name);
                return writer.Written;
            default:
                throw new InvariantViolationException($"every control query has a code: {query}");
        }
    }

    /// <exception cref="InvalidDataException">The bytes are no query.</exception>
    public static ControlQuery DecodeQuery(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        Kind kind = Begin(ref reader);
        ControlQuery query = kind switch
        {
            Kind.StateSince => new ControlQuery.StateSince(reader.Int64()),
            Kind.GroupByName => new ControlQuery.Group(reader.StrictText()),
            _ => throw new InvalidDataException($"a control query has the kind {(byte)kind}, which is none"),
        };
        reader.End();
        return query;
    }

    public static ReadOnlyMemory<byte> Encode(ControlResult result)
    {
        switch (result)
        {
            case ControlResult.Accepted(var version, var changed):
                ControlWriter writer = Begin(Kind.Accepted);
                writer.Int64(version);
                writer.Bool(changed);
                return writer.Written;
            case ControlResult.Refused(var why, var reason):
                writer = Begin(Kind.Refused);
                writer.Byte((byte)why);
                writer.Text(reason);
                return writer.Written;
            case ControlResult.State(var state):
                writer = Begin(Kind.State);
                writer.Bool(state is not null);
                if (state is not null)
                    writer.Bytes(ControlStateCodec.Encode(state).Span);
                return writer.Written;
            case ControlResult.Group(var group):
                writer = Begin(Kind.Group);
                writer.Bool(group is not null);
                if (group is not null)
                    ControlStateCodec.Write(writer, group);
                return writer.Written;
            default:
                throw new InvariantViolationException($"every control result has a code: {result}");
        }
    }

    /// <exception cref="InvalidDataException">The bytes are no result.</exception>
    public static ControlResult DecodeResult(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        Kind kind = Begin(ref reader);
        ControlResult result = kind switch
        {
            Kind.Accepted => new ControlResult.Accepted(reader.Int64(), reader.Bool()),
            Kind.Refused => new ControlResult.Refused(reader.Enum<ControlRefusal>(), reader.StrictText()),
            Kind.State => new ControlResult.State(reader.Bool() ? ControlStateCodec.Decode(reader.Bytes()) : null),
            Kind.Group => new ControlResult.Group(reader.Bool() ? ControlStateCodec.ReadGroup(ref reader) : null),
            _ => throw new InvalidDataException($"a control result has the kind {(byte)kind}, which is none"),
        };
        reader.End();
        return result;
    }

    private static ControlWriter Begin(Kind kind)
    {
        var writer = new ControlWriter();
        writer.Byte(Format);
        writer.Byte((byte)kind);
        return writer;
    }

    private static Kind Begin(ref ByteReader reader)
    {
        byte format = reader.Byte();
        return format == Format
            ? (Kind)reader.Byte()
            : throw new InvalidDataException($"a message of the control group has format {format}; this build reads {Format}");
    }

    private static ControlCommand.RegisterNode ReadRegisterNode(ref ByteReader reader)
    {
        ReplicaId node = reader.Replica();
        string name = reader.StrictText(), address = reader.StrictText();
        Guid disk = reader.Guid();
        return new ControlCommand.RegisterNode(node, name, address, disk, reader.StrictText(), reader.StrictText());
    }

    private static ImmutableArray<ShardPlan> ReadPlacement(ref ByteReader reader)
    {
        int count = reader.Count(4 + 4);
        ImmutableArray<ShardPlan>.Builder plans = ImmutableArray.CreateBuilder<ShardPlan>(count);
        for (int i = 0; i < count; i++)
            plans.Add(new ShardPlan(Membership.Decode(reader.Bytes()), reader.Replica()));
        return plans.MoveToImmutable();
    }
}
