using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Multiplex;

/// <summary>What one node knows of another one, and has for it.</summary>
internal sealed class NodeLink(ReplicaId self, ReplicaId peer, long incarnation, MultiplexerOptions options, IMultiplexerHost host)
{
    private readonly Queue<ShardBeat> _beats = new();

    // Of this node's replicas, the last thing that the other has not confirmed; in the order it happened.
    private readonly SortedDictionary<long, ReplicaNews> _news = [];
    private readonly Dictionary<ShardKey, long> _numbers = [];
    private readonly HashSet<ShardKey> _stoppedHere = [];
    private long _lastNews;
    private bool _newsWait;

    // Of the other's replicas, those that ran and do not.
    private readonly HashSet<ShardKey> _stoppedThere = [];
    private long _heardIncarnation;
    private long _heardNews;
    private bool _owesConfirmation;

    private long _silence;
    private bool _hasSent;
    private bool _isDoubted;

    public bool IsDown { get; private set; }

    public void Started(ShardKey shard)
    {
        if (IsDown || _stoppedThere.Contains(shard))
            host.Hint(shard, peer, up: false, onlySilent: IsDown && !_isDoubted && !_stoppedThere.Contains(shard));
        if (_stoppedHere.Remove(shard))
            Tell(shard, running: true);
    }

    public void Stopped(ShardKey shard)
    {
        _stoppedHere.Add(shard);
        Tell(shard, running: false);
    }

    public void Beat(in ShardBeat beat) => _beats.Enqueue(beat);

    /// <summary>Sends what waits: forced, at least one bundle.</summary>
    public void Flush(bool force)
    {
        while (force || _beats.Count > 0 || _newsWait || _owesConfirmation)
        {
            force = false;
            host.Send(peer, NextBundle());
            _hasSent = true;
        }
    }

    /// <summary>Time has passed on this node, so much of it while it was running.</summary>
    public void Tick(long passed)
    {
        _silence += passed;
        if (!IsDown && _silence >= options.SilenceMicros)
            Down(onlySilent: true);
        _newsWait = _news.Count > 0;
        Flush(force: !_hasSent);
        _hasSent = false;
    }

    public void Doubt()
    {
        if (!IsDown || !_isDoubted)
            Down(onlySilent: false);
    }

    public void Receive(NodeBundle bundle)
    {
        _silence = 0;
        if (bundle.Incarnation != _heardIncarnation)
            Meet(bundle.Incarnation);
        if (IsDown)
            Up();
        Confirm(bundle);
        Take(bundle);
        foreach (ShardBeat beat in bundle.Beats)
            host.Deliver(beat.Shard, peer, beat.Bytes);
    }

    /// <summary>The other node has started: nothing that its process was before is left, its leaders included.</summary>
    private void Meet(long newIncarnation)
    {
        if (_heardIncarnation != 0)
            Doubt();
        _heardIncarnation = newIncarnation;
        _heardNews = 0;
        _stoppedThere.Clear();
        foreach (ShardKey shard in _stoppedHere)
            Tell(shard, running: false);
    }

    private void Down(bool onlySilent)
    {
        IsDown = true;
        _isDoubted = !onlySilent;
        host.Hint(peer, up: false, onlySilent);
    }

    private void Up()
    {
        IsDown = _isDoubted = false;
        host.Hint(peer, up: true, onlySilent: false);
        foreach (ShardKey shard in _stoppedThere)
            host.Hint(shard, peer, up: false, onlySilent: false);
    }

    private void Confirm(NodeBundle bundle)
    {
        if (bundle.HeardIncarnation != incarnation)
            return;
        while (_news.Count > 0 && First() is var first && first.Number <= bundle.HeardNews)
        {
            _news.Remove(first.Number);
            _numbers.Remove(first.Shard);
        }
    }

    private void Take(NodeBundle bundle)
    {
        foreach (ReplicaNews news in bundle.News)
        {
            _owesConfirmation = true;
            if (news.Number <= _heardNews)
                continue;
            _heardNews = news.Number;
            bool changes = news.Running ? _stoppedThere.Remove(news.Shard) : _stoppedThere.Add(news.Shard);
            if (changes)
                host.Hint(news.Shard, peer, news.Running, onlySilent: false);
        }
    }

    private void Tell(ShardKey shard, bool running)
    {
        if (_numbers.Remove(shard, out long older))
            _news.Remove(older);
        _numbers[shard] = ++_lastNews;
        _news[_lastNews] = new ReplicaNews(_lastNews, shard, running);
        _newsWait = true;
    }

    // News that are not confirmed always go together from the oldest on: whoever has heard one has heard all before it.
    private NodeBundle NextBundle()
    {
        var bundle = new NodeBundle(self, incarnation, _heardIncarnation, _heardNews);
        if (_newsWait)
        {
            foreach (ReplicaNews news in _news.Values)
            {
                if (bundle.EncodedSize > options.MaxBundleBytes / 2)
                    break;
                bundle.Add(news);
            }
        }

        _newsWait = _owesConfirmation = false;
        while (_beats.TryPeek(out ShardBeat beat)
            && (bundle.Beats.Count == 0 || bundle.EncodedSize + NodeBundle.SizeOf(beat) <= options.MaxBundleBytes))
            bundle.Add(_beats.Dequeue());
        return bundle;
    }

    private ReplicaNews First()
    {
        SortedDictionary<long, ReplicaNews>.ValueCollection.Enumerator all = _news.Values.GetEnumerator();
        all.MoveNext();
        return all.Current;
    }
}
