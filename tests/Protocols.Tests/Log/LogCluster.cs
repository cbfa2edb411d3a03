using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Log;

/// <summary>Some replicas on a perfect network of no delay, except where the test cuts it. Every message is encoded and decoded.</summary>
internal abstract class LogCluster<TNode> where TNode : LogNode
{
    private readonly Dictionary<int, TNode> _nodes = [];
    private readonly HashSet<(int From, int To)> _cut = [];
    private readonly HashSet<int> _down = [];
    private readonly HashSet<int> _asleep = [];
    private readonly Dictionary<long, int> _leaders = [];
    private ulong _seed;

    protected LogCluster(int size, ulong seed)
    {
        Size = size;
        _seed = seed * 1000;
    }

    public long Now { get; private set; }
    public TNode this[int id] => _nodes[id];
    public IEnumerable<TNode> Nodes => _nodes.OrderBy(pair => pair.Key).Select(pair => pair.Value);
    public IEnumerable<TNode> Running => Nodes.Where(Runs);

    /// <summary>Members that the shard is made with.</summary>
    protected int Size { get; }

    public void Cut(int from, int to) => _cut.Add((from, to));

    public void Isolate(params int[] ids)
    {
        foreach (int id in ids)
        {
            foreach (int other in _nodes.Keys.Where(other => !ids.Contains(other)))
            {
                _cut.Add((id, other));
                _cut.Add((other, id));
            }
        }
    }

    public void Heal() => _cut.Clear();

    public void Kill(params int[] ids) => _down.UnionWith(ids);

    /// <summary>It does nothing, and finds its messages and the time gone by when it wakes (SIGSTOP).</summary>
    public void Sleep(int id) => _asleep.Add(id);

    public void Wake(int id)
    {
        _asleep.Remove(id);
        _nodes[id].Now = Now;
        Settle();
    }

    /// <summary>Starts a replica again with what its disk holds, or with what the test says.</summary>
    public TNode Restart(int id, RecoveredState? recovered = null)
    {
        TNode old = _nodes[id];
        TNode node = Put(id, Anew(old, recovered ?? old.Recover(), NextSeed()));
        node.Applied = [.. old.SavedState];
        node.SavedState = [.. old.SavedState];
        node.Written.AddRange(old.Written.Where(entry => entry.Lsn <= old.DurableLsn));
        node.Start();
        OnRestarted(node);
        return node;
    }

    /// <summary>Lets time pass: messages arrive at once, timers at their moment.</summary>
    public void Run(long micros)
    {
        long end = Now + micros;
        Settle();
        while (Running.Min(node => node.NextTimer) is { } at && at <= end)
        {
            Now = Math.Max(Now, at);
            foreach (TNode node in Running.ToArray())
            {
                node.Now = Math.Max(node.Now, Now);
                node.FireDue();
                Settle();
            }
        }

        SetTime(end);
    }

    /// <summary>It is that late; no timer has run out meanwhile.</summary>
    public void SkipTo(long now)
    {
        SetTime(now);
        Settle();
    }

    /// <summary>Runs until a condition holds, for a bounded time.</summary>
    public void Until(Func<bool> condition, long limit = 10 * Instant.Second, string? what = null)
    {
        for (long waited = 0; !condition(); waited += 10 * LogNode.Ms)
        {
            Assert.True(waited < limit, $"not within {limit / Instant.Second} s: {what}\n{this}");
            Run(10 * LogNode.Ms);
        }
    }

    /// <summary>Delivers until nothing is on its way, transfers included.</summary>
    public void Settle()
    {
        for (bool busy = true; busy;)
        {
            busy = false;
            foreach (TNode node in Running.ToArray())
            {
                busy |= Deliver(node);
                busy |= Transfer(node);
                busy |= Decide(node);
                if (TermLedBy(node) is { } term)
                    Assert.True(_leaders.TryAdd(term, node.Id.Value) || _leaders[term] == node.Id.Value, "one leader a term");
            }
        }

        OnSettled();
    }

    protected ulong NextSeed() => ++_seed;

    /// <summary>Adds a replica, or puts it in another's place.</summary>
    protected TNode Put(int id, TNode node)
    {
        _down.Remove(id);
        _nodes[id] = node;
        return node;
    }

    /// <summary>The replica as it starts again.</summary>
    protected abstract TNode Anew(TNode old, RecoveredState recovered, ulong seed);

    /// <summary>The term, or the epoch, that this replica leads.</summary>
    protected abstract long? TermLedBy(TNode node);

    /// <summary>What it has asked of others than its peers is answered.</summary>
    protected virtual bool Decide(TNode node) => false;

    protected virtual void OnRestarted(TNode node)
    {
    }

    protected virtual void OnSettled()
    {
    }

    private bool Runs(TNode node) => !_down.Contains(node.Id.Value) && !_asleep.Contains(node.Id.Value);

    private void SetTime(long now)
    {
        Now = now;
        foreach (TNode node in Running)
            node.Now = Math.Max(node.Now, now);
    }

    private bool Deliver(TNode node)
    {
        (ReplicaId To, PeerMessage Message)[] sent = [.. node.Sent];
        node.Sent.Clear();
        foreach ((ReplicaId to, PeerMessage message) in sent)
        {
            if (_cut.Contains((node.Id.Value, to.Value)) || !_nodes.TryGetValue(to.Value, out TNode? target) || !Runs(target))
                continue;
            target.Now = Math.Max(target.Now, Now);
            target.Receive(node, message);
        }

        return sent.Length > 0;
    }

    private bool Transfer(TNode node)
    {
        if (node.Fetching is not { } fetch)
            return false;
        node.Fetching = null;
        TNode source = _nodes[fetch.From.Value];
        if (source.Saved is { } saved && saved.Index >= fetch.Index && !_down.Contains(fetch.From.Value))
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
}
