using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Some replicas on a perfect network of no delay, except where the test cuts it. Every message is encoded and decoded.</summary>
internal sealed class RaftCluster
{
    private readonly Dictionary<int, RaftNode> _nodes = [];
    private readonly HashSet<(int From, int To)> _cut = [];
    private readonly HashSet<int> _down = [];
    private readonly RaftOptions _options;
    private readonly int _size;
    private readonly Dictionary<long, int> _leaders = [];
    private ulong _seed;

    public RaftCluster(int size, RaftOptions? options = null, ulong seed = 1, Func<int, RecoveredState?>? recovered = null)
    {
        _size = size;
        _options = options ?? RaftOptions.Default;
        _seed = seed * 1000;
        for (int id = 1; id <= size; id++)
            _nodes[id] = new RaftNode(id, size, _options, recovered?.Invoke(id), ++_seed);
        foreach (RaftNode node in Nodes)
            node.Start();
    }

    public long Now { get; private set; }
    public RaftNode this[int id] => _nodes[id];
    public IEnumerable<RaftNode> Nodes => _nodes.OrderBy(pair => pair.Key).Select(pair => pair.Value);
    public IEnumerable<RaftNode> Running => Nodes.Where(node => !_down.Contains(node.Id.Value));

    /// <summary>The leader of the latest term among those that run.</summary>
    public RaftNode? Leader => Running.Where(node => node.IsLeader).MaxBy(node => node.Status.Term);

    /// <summary>A replica that is not among the first ones starts with an empty disk.</summary>
    public RaftNode Join(int id)
    {
        var node = new RaftNode(id, _size, _options, seed: ++_seed, now: Now);
        _nodes.Add(id, node);
        return node.Start();
    }

    /// <summary>Asks the leader for these members and waits for the answer: empty, or why not.</summary>
    public string Change(Membership target, long limit = 10 * Instant.Second)
    {
        RaftNode leader = ElectLeader();
        long id = leader.Change(target, leader.Now + limit);
        Until(() => leader.Replies.ContainsKey(id) || leader.Rejections.ContainsKey(id), limit + Instant.Second);
        return leader.Rejections.TryGetValue(id, out Rejection why) ? why.Detail! : leader.Replies[id];
    }

    public void Cut(int from, int to) => _cut.Add((from, to));

    public void Isolate(int id)
    {
        foreach (int other in _nodes.Keys.Where(other => other != id))
        {
            _cut.Add((id, other));
            _cut.Add((other, id));
        }
    }

    public void Heal() => _cut.Clear();

    public void Kill(int id) => _down.Add(id);

    /// <summary>A replica of this number joins with an empty disk, in place of the one that had it.</summary>
    public RaftNode Replace(int id)
    {
        _down.Remove(id);
        _nodes[id] = new RaftNode(id, _size, _options, seed: ++_seed, now: Now, joins: true);
        return _nodes[id].Start();
    }

    /// <summary>Starts a replica again with what its disk holds, or with what the test says.</summary>
    public RaftNode Restart(int id, RecoveredState? recovered = null)
    {
        RaftNode old = _nodes[id];
        _down.Remove(id);
        var node = new RaftNode(id, _size, _options, recovered ?? old.Recover(), ++_seed, Now) { Applied = [.. old.SavedState] };
        node.Written.AddRange(old.Written.Where(entry => entry.Lsn <= old.DurableLsn));
        _nodes[id] = node;
        return node.Start();
    }

    /// <summary>Lets time pass: messages arrive at once, timers at their moment.</summary>
    public void Run(long micros)
    {
        long end = Now + micros;
        Settle();
        while (Running.Min(node => node.NextTimer) is { } at && at <= end)
        {
            Now = Math.Max(Now, at);
            foreach (RaftNode node in Running.ToArray())
            {
                node.Now = Math.Max(node.Now, Now);
                node.FireDue();
                Settle();
            }
        }

        Now = end;
        foreach (RaftNode node in Nodes)
            node.Now = Math.Max(node.Now, Now);
    }

    /// <summary>It is that late; no timer has run out meanwhile.</summary>
    public void SkipTo(long now)
    {
        Now = now;
        foreach (RaftNode node in Nodes)
            node.Now = Math.Max(node.Now, now);
        Settle();
    }

    /// <summary>Runs until a condition holds, for a bounded time.</summary>
    public void Until(Func<bool> condition, long limit = 10 * Instant.Second)
    {
        for (long waited = 0; !condition(); waited += 10 * RaftNode.Ms)
        {
            Assert.True(waited < limit, $"not within {limit / Instant.Second} s");
            Run(10 * RaftNode.Ms);
        }
    }

    public RaftNode ElectLeader()
    {
        Until(() => Leader is { } leader && Running.All(node => node.Status.Leader == leader.Id || !leader.Status.Members!.Members.Contains(node.Id)) && leader.Status.CommitIndex == leader.Status.LastIndex);
        return Leader!;
    }

    /// <summary>Delivers until nothing is on its way, transfers included.</summary>
    public void Settle()
    {
        for (bool busy = true; busy;)
        {
            busy = false;
            foreach (RaftNode node in Running.ToArray())
            {
                busy |= Deliver(node);
                busy |= Transfer(node);
                if (node.IsLeader)
                    Assert.True(_leaders.TryAdd(node.Status.Term, node.Id.Value) || _leaders[node.Status.Term] == node.Id.Value, "one leader a term");
            }
        }

        CheckStateMachineSafety();
    }

    private bool Deliver(RaftNode node)
    {
        (ReplicaId To, RaftMessage Message)[] sent = [.. node.Sent];
        node.Sent.Clear();
        foreach ((ReplicaId to, RaftMessage message) in sent)
        {
            if (_cut.Contains((node.Id.Value, to.Value)) || _down.Contains(to.Value) || !_nodes.ContainsKey(to.Value))
                continue;
            RaftNode target = _nodes[to.Value];
            target.Now = Math.Max(target.Now, Now);
            target.Receive(node.Id.Value, target.Raft.Decode(message.ToBytes()));
        }

        return sent.Length > 0;
    }

    private bool Transfer(RaftNode node)
    {
        if (node.Fetching is { } fetch)
        {
            node.Fetching = null;
            RaftNode source = _nodes[fetch.From.Value];
            if (source.Saved is { } saved && saved.Index >= fetch.Index)
            {
                node.Step(new Input.TransferReady(fetch.From, saved));
                if (node.Installing is not null)
                    node.FinishInstall(fetch.MetadataOnly ? [] : source.SavedState);
            }
            else
            {
                node.Step(new Input.TransferFailed(fetch.From, fetch.Index, "it is gone"));
            }

            return true;
        }

        return false;
    }

    /// <summary>State Machine Safety: no two replicas apply different commands at the same index.</summary>
    private void CheckStateMachineSafety()
    {
        var chosen = new Dictionary<long, (long, string)>();
        foreach (RaftNode node in Nodes.Where(node => !node.Standing.Hollow))
        {
            long last = 0;
            foreach ((long index, long term, string command) in node.Applied)
            {
                Assert.True(index == last + 1, $"{node.Id} applied {index} after {last}");
                last = index;
                Assert.True(chosen.TryAdd(index, (term, command)) || chosen[index] == (term, command), $"two commands at index {index}");
            }
        }
    }
}
