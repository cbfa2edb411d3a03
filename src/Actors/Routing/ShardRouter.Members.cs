using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>
/// Who may hold the shard: its first replicas to begin with, then whom its replicas and the control group name. A router
/// that finds none of those asks every node there is.
/// </summary>
internal sealed partial class ShardRouter
{
    private const int LooksBeforeAskingAll = 4;

    private int _looks;

    /// <summary>Null: nobody knows such a node.</summary>
    private RouterTarget? Find(ReplicaId node)
    {
        if (_targets.TryGetValue(node, out RouterTarget? target))
            return target;
        if (node.IsNone || _locator.Supervisor(node, _group.Name, _shard) is not { } supervisor)
            return null;
        target = new RouterTarget(node, node == _settings.Self, supervisor);
        _targets.Add(node, target);
        AskIfUnheard(target);
        return target;
    }

    // Most of them will have no replica of the shard, and nobody there to say so.
    private void FindAll()
    {
        foreach (NodeInfo node in _locator.Nodes.Nodes.Where(node => !_targets.ContainsKey(node.Id)))
        {
            if (Find(node.Id) is { } guess)
                guess.HoldsState = false;
        }
    }

    /// <summary>They are members, or will be; who is none the leader says.</summary>
    private void Hear(Membership members)
    {
        foreach (ReplicaId member in members.Members)
        {
            if (Find(member) is { } target)
                target.HoldsState = !members.Witnesses.Contains(member);
        }
    }

    // One that left is kept as long as an answer of it may come.
    private void Learn(Membership members)
    {
        Hear(members);
        foreach (RouterTarget target in _targets.Values.Where(target => !members.Members.Contains(target.Node)).ToArray())
        {
            if (!ReferenceEquals(target, _leader) && !ReferenceEquals(target, _tail) && _calls.Values.All(call => call.SentTo != target.Node))
                _targets.Remove(target.Node);
        }
    }

    private static bool HoldsState(ReplicaStatus status, ReplicaId node) => status.Members?.Witnesses.Contains(node) != true;

    private void OnNodeChanged(NodeInfo node)
    {
        if (_targets.TryGetValue(node.Id, out RouterTarget? target) && _locator.Supervisor(node.Id, _group.Name, _shard) is { } supervisor)
            target.Supervisor = supervisor;
    }
}
