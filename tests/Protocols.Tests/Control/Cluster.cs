using System.Collections.Immutable;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Protocols.Tests.Control;

/// <summary>A control machine spoken to as clients do, in bytes.</summary>
internal sealed class Cluster
{
    private long _index;

    public ControlMachine Machine { get; } = new();

    public ControlState State => Machine.State;

    /// <summary>Nodes 1 to so many, up.</summary>
    public static Cluster Of(int nodes, Func<int, (string Region, string Rack)>? labels = null)
    {
        var cluster = new Cluster();
        for (int id = 1; id <= nodes; id++)
        {
            (string region, string rack) = labels?.Invoke(id) ?? ("", "");
            cluster.Accept(Register(id, region: region, rack: rack));
            cluster.Accept(new ControlCommand.SetNodeStatus(N(id), NodeStatus.Joining, NodeStatus.Up));
        }

        return cluster;
    }

    public static ReplicaId N(int id) => new(id);

    public static Membership Voters(params int[] ids) => new(ids.Select(N));

    public static Guid Disk(int id, int generation = 0) => new(id, (short)generation, 1, 0, 0, 0, 0, 0, 0, 0, 0);

    public static ControlCommand.RegisterNode Register(int id, int generation = 0, string region = "", string rack = "") =>
        new(N(id), $"node{id}", $"127.0.0.1:{4000 + id}", Disk(id, generation), region, rack);

    /// <summary>Placed over the nodes that are there.</summary>
    public Cluster WithGroup(string name, int shards, int replicas)
    {
        ImmutableArray<ShardPlan> placement = PlacementPlanner.Initial([.. State.Nodes.Values], shards, replicas);
        Accept(new ControlCommand.RegisterGroup(name, "raft", replicas, "", placement));
        return this;
    }

    public ControlResult Apply(ControlCommand command, long wallMicros = 1_000_000) =>
        ControlCodec.DecodeResult(Machine.Apply(new AppliedCommand(++_index, wallMicros, ControlCodec.Encode(command))));

    public ControlResult Query(ControlQuery query) => ControlCodec.DecodeResult(Machine.Query(ControlCodec.Encode(query)));

    public ControlResult.Accepted Accept(ControlCommand command, long wallMicros = 1_000_000)
    {
        ControlResult result = Apply(command, wallMicros);
        return result as ControlResult.Accepted ?? throw new InvalidOperationException($"{command} was not accepted: {result}");
    }

    public void Accept(MemberPlan plan)
    {
        Assert.Null(plan.Refusal);
        foreach (ControlCommand.SetMembers command in plan.Commands)
            Accept(command);
    }

    /// <summary>Checks that a refusal changes nothing.</summary>
    public ControlResult.Refused Refuse(ControlCommand command)
    {
        ControlState before = State;
        ControlResult.Refused refused = Assert.IsType<ControlResult.Refused>(Apply(command));
        Assert.Same(before, State);
        return refused;
    }

    public ControlShard Shard(string group, int shard) => State.Shard(new ShardKey(group, shard))!;

    public static byte[] Bytes(ControlState state) => ControlStateCodec.Encode(state).ToArray();
}
