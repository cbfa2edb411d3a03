using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Chain;

namespace ActorRepl.Protocols.Tests.Chain;

/// <summary>
/// Some replicas on a perfect network of no delay, except where the test cuts it, and a control group that installs one view an epoch.
/// Every message is encoded and decoded.
/// </summary>
internal sealed class ChainCluster
{
    private readonly Dictionary<int, ChainNode> _nodes = [];
    private readonly HashSet<(int From, int To)> _cut = [];
    private readonly HashSet<int> _down = [];
    private readonly HashSet<int> _asleep = [];
    private readonly ChainOptions _options;
    private readonly int _size;
    private readonly Dictionary<long, int> _heads = [];
    private ulong _seed;

    /// <param name="size">Members that the shard is made with.</param>
    /// <param name="options">Of all of them.</param>
    /// <param name="seed">Of the first; the others follow.</param>
    /// <param name="late">Those that are not there yet.</param>
    public ChainCluster(int size, ChainOptions? options = null, ulong seed = 1, int[]? late = null)
    {
        _size = size;
        _options = options ?? ChainOptions.Default;
        _seed = seed * 1000;
        for (int id = 1; id <= size; id++)
            _nodes[id] = new ChainNode(id, size, _options, seed: ++_seed);
        _down.UnionWith(late ?? []);
        foreach (ChainNode node in Running)
            node.Start();
        Settle();
    }

    /// <summary>One that was late starts for the first time.</summary>
    public void Appear(int id)
    {
        _down.Remove(id);
        _nodes[id].Now = Now;
        _nodes[id].Start();
        Settle();
    }

    public long Now { get; private set; }
    public ChainNode this[int id] => _nodes[id];
    public IEnumerable<ChainNode> Nodes => _nodes.OrderBy(pair => pair.Key).Select(pair => pair.Value);
    public IEnumerable<ChainNode> Running => Nodes.Where(node => !_down.Contains(node.Id.Value) && !_asleep.Contains(node.Id.Value));

    /// <summary>The head of the latest epoch among those that run.</summary>
    public ChainNode? Head => Running.Where(node => node.Replica.IsActingHead).MaxBy(node => node.Replica.Epoch);

    /// <summary>Epoch and view that the control group has; the first view is known without it.</summary>
    public long Epoch { get; private set; }
    public ChainView? View { get; private set; }

    /// <summary>False: the control group takes nothing and says nothing.</summary>
    public bool ControlWorks { get; set; } = true;

    /// <summary>Proposals so far, whatever became of them.</summary>
    public int Proposed { get; private set; }

    public ChainNode Join(int id)
    {
        var node = new ChainNode(id, _size, _options, seed: ++_seed, now: Now, joins: true);
        _nodes[id] = node;
        _down.Remove(id);
        return node.Start();
    }

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
    public ChainNode Restart(int id, RecoveredState? recovered = null)
    {
        ChainNode old = _nodes[id];
        _down.Remove(id);
        var node = new ChainNode(id, _size, _options, recovered ?? old.Recover(), ++_seed, Now) { Applied = [.. old.SavedState], SavedState = [.. old.SavedState] };
        node.Written.AddRange(old.Written.Where(entry => entry.Lsn <= old.DurableLsn));
        _nodes[id] = node;
        node.Start();
        if (ControlWorks && View is not null)
            node.Step(new Input.ViewChanged(Epoch, View.Encode()));
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
            foreach (ChainNode node in Running.ToArray())
            {
                node.Now = Math.Max(node.Now, Now);
                node.FireDue();
                Settle();
            }
        }

        Now = end;
        foreach (ChainNode node in Running)
            node.Now = Math.Max(node.Now, Now);
    }

    /// <summary>Runs until a condition holds, for a bounded time.</summary>
    public void Until(Func<bool> condition, long limit = 10 * Instant.Second, string? what = null)
    {
        for (long waited = 0; !condition(); waited += 10 * ChainNode.Ms)
        {
            Assert.True(waited < limit, $"not within {limit / Instant.Second} s: {what}\n{this}");
            Run(10 * ChainNode.Ms);
        }
    }

    /// <summary>Waits until the head of the newest epoch serves and all who run follow it.</summary>
    public ChainNode Ready()
    {
        Until(() => Head is { } head && head.Replica.Epoch == Epoch && head.Replica.CommitIndex == head.Status.LastIndex
            && Running.All(node => node.Replica.Epoch == Epoch));
        return Head!;
    }

    /// <summary>Waits for the answer to a request: its result, or why it is refused.</summary>
    public string Answer(ChainNode node, long request, long limit = 15 * Instant.Second)
    {
        Until(() => node.Replies.ContainsKey(request) || node.Rejections.ContainsKey(request), limit, "an answer");
        return node.Rejections.TryGetValue(request, out Rejection why) ? $"{why.Reason}{(why.OutcomeUnknown ? " unknown" : "")}" : node.Replies[request];
    }

    public string Write(string command) => Head is { } head ? Answer(head, head.Command(command)) : "no head";

    /// <summary>Delivers until nothing is on its way, transfers and proposals included.</summary>
    public void Settle()
    {
        for (bool busy = true; busy;)
        {
            busy = false;
            foreach (ChainNode node in Running.ToArray())
            {
                busy |= Deliver(node);
                busy |= Transfer(node);
                busy |= Decide(node);
                if (node.Replica.IsActingHead)
                    Assert.True(_heads.TryAdd(node.Replica.Epoch, node.Id.Value) || _heads[node.Replica.Epoch] == node.Id.Value, "one head an epoch");
            }
        }
    }

    public override string ToString() => string.Join("\n", Nodes.Select(node =>
        $"{node.Id} {node.Status.Role} epoch {node.Replica.Epoch} last {node.Replica.LastPosition} durable {node.Replica.DurableIndex} commit {node.Replica.CommitIndex} applied {node.Replica.AppliedIndex} lost {node.Replica.HasLostPromises}; {node.Replica.CurrentView}"));

    private bool Deliver(ChainNode node)
    {
        (ReplicaId To, ChainMessage Message)[] sent = [.. node.Sent];
        node.Sent.Clear();
        foreach ((ReplicaId to, ChainMessage message) in sent)
        {
            if (_cut.Contains((node.Id.Value, to.Value)) || _down.Contains(to.Value) || _asleep.Contains(to.Value) || !_nodes.TryGetValue(to.Value, out ChainNode? target))
                continue;
            target.Now = Math.Max(target.Now, Now);
            target.Receive(node.Id.Value, target.Replica.Decode(message.ToBytes()));
        }

        return sent.Length > 0;
    }

    private bool Decide(ChainNode node)
    {
        (long Expected, ChainView View)[] proposals = [.. node.Proposals];
        Proposed += proposals.Length;
        node.Proposals.Clear();
        bool asks = node.AsksForView;
        node.AsksForView = false;
        if (!ControlWorks)
            return false;
        if (asks)
            node.Step(new Input.ViewChanged(Epoch, View?.Encode() ?? default(ReadOnlyMemory<byte>)));
        foreach ((long expected, ChainView view) in proposals)
        {
            if (expected == Epoch)
                (Epoch, View) = (Epoch + 1, view);
            foreach (ChainNode other in Running)
                other.Step(new Input.ViewChanged(Epoch, View?.Encode() ?? default(ReadOnlyMemory<byte>)));
        }

        return asks || proposals.Length > 0;
    }

    private bool Transfer(ChainNode node)
    {
        if (node.Fetching is not { } fetch)
            return false;
        node.Fetching = null;
        ChainNode source = _nodes[fetch.From.Value];
        if (source.Saved is { } saved && saved.Index >= fetch.Index && !_down.Contains(fetch.From.Value))
        {
            node.Step(new Input.TransferReady(fetch.From, saved));
            if (node.Installing is not null)
                node.SavedState = [.. source.SavedState];
            node.Settle();
        }
        else
        {
            node.Step(new Input.TransferFailed(fetch.From, fetch.Index, "it is gone"));
        }

        return true;
    }
}
