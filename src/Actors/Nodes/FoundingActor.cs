using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Event;

namespace ActorRepl.Actors.Nodes;

/// <summary>
/// Settles with the other founders whether this node founds the cluster with them or joins it, by <see cref="Founding"/>;
/// and answers founders that ask, for as long as the node runs. What it says is in the node's store before it says so.
/// </summary>
internal sealed class FoundingActor : UntypedActor, IWithTimers
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // One that has gone silent since is waited for like one that was never heard.
    private static readonly TimeSpan AnswerLasts = TimeSpan.FromSeconds(5);

    private readonly ReplicationSettings _settings;
    private readonly FoundingProgress _progress;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Dictionary<ReplicaId, (FoundingAnswer Answer, long At)> _heard = [];
    private NodeState _state;
    private TimeSpan _pause = FirstPause;
    private bool _opensStore;
    private bool _asksNoMore;

    public FoundingActor(ReplicationSettings settings, FoundingProgress progress)
    {
        _settings = settings;
        _progress = progress;
        _state = NodeState.Decode(settings.NodeState.Load()!.Value);
        _asksNoMore = !_state.Undecided;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    // On the default dispatcher: it waits for the disk.
    public static Props Props(ReplicationSettings settings, FoundingProgress progress) => Akka.Actor.Props.Create(() => new FoundingActor(settings, progress));

    protected override void PreStart()
    {
        if (_asksNoMore)
            _progress.Settle();
        else
            Self.Tell(Ask.Instance, Self);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case FoundingQuestion question:
                OnQuestion(question);
                break;
            case FoundingAnswer answer when !_asksNoMore:
                _heard[answer.Node] = (answer, Environment.TickCount64);
                Try(Look);
                break;
            case Ask when !_asksNoMore:
                AskAll();
                Try(Look);
                break;
            case StoreOpened opened when !_asksNoMore:
                Try(() => OnStoreOpened(opened));
                break;
        }
    }

    // What cannot be written now is written when it is looked at again.
    private void Try(Action step)
    {
        try
        {
            step();
        }
        catch (Exception disk) when (disk is IOException or UnauthorizedAccessException)
        {
            _progress.Waiting = $"its data directory cannot be written: {disk.Message}";
        }
    }

    private IEnumerable<NodeInfo> Others => _settings.Nodes.Where(node => node.Id != _settings.Self && _settings.FoundingNodes.Contains(node.Id));

    private ActorSelection At(NodeInfo node) => Context.System.ActorSelection(ClusterFounding.PathOn(_settings, node));

    // ---- asking ----

    private void AskAll()
    {
        foreach (NodeInfo other in Others)
            At(other).Tell(new FoundingQuestion(_settings.Self, _state.Disk), Self);
        Timers.StartSingleTimer("ask", Ask.Instance, _pause);
        _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
    }

    private void Look()
    {
        if (_opensStore || _asksNoMore)
            return;
        long now = Environment.TickCount64;
        var answers = _heard.Where(pair => now - pair.Value.At < AnswerLasts.TotalMilliseconds).ToDictionary(pair => pair.Key, pair => pair.Value.Answer.Answer);
        switch (Founding.Decide(_settings.Self, _state.Disk, _settings.FoundingNodes, _state.FoundingDisks, answers))
        {
            case FoundingDecision.Wait wait:
                _progress.Waiting = Describe(wait);
                break;
            case FoundingDecision.Enlist enlist:
                Keep(_state with { FoundingDisks = enlist.Disks });
                foreach (NodeInfo other in Others)
                    At(other).Tell(AnswerTo(new FoundingQuestion(other.Id, enlist.Disks[other.Id])), Self);
                Look();
                break;
            case FoundingDecision.Found:
                _opensStore = true;
                Context.ActorOf(StoreProbe.Props(_settings));
                break;
            case FoundingDecision.Replaced replaced:
                OnReplaced(replaced);
                break;
        }
    }

    // The journal is there for good before this counts as founded: a node that has founded and has no journal has lost it.
    private void OnStoreOpened(StoreOpened opened)
    {
        _opensStore = false;
        if (opened.Problem is { } problem)
        {
            _progress.Waiting = $"its journal cannot be opened: {problem}";
            return;
        }

        Keep(_state with { Undecided = false });
        Settle();
    }

    private void OnReplaced(FoundingDecision.Replaced replaced)
    {
        string why = replaced.Known == Guid.Empty
            ? $"{replaced.By} has founded the cluster without this data directory"
            : $"{replaced.By} knows {_settings.Self} by another data directory";
        if (_progress.HasData)
        {
            _asksNoMore = true;
            _progress.Refuse($"{why}, and what this one remembered is gone while replicas' data is there: put it back, or move the directory away and start the node with an empty one");
            return;
        }

        _log.Warning("{0}: this one takes the place of a disk that is gone. The node founds nothing; it joins, and its replicas vote once their shards have taken them in anew", why);
        NodeState told = NodeState.Decode(_heard[replaced.By].Answer.State);
        Keep(told with { Founders = _settings.FoundingNodes });
        Settle();
    }

    private void Settle()
    {
        _asksNoMore = true;
        Timers.Cancel("ask");
        _progress.Settle();
    }

    private void Keep(NodeState state)
    {
        _settings.NodeState.Save(state.Encode());
        _state = state;
    }

    private string Describe(FoundingDecision.Wait wait)
    {
        IReadOnlyList<ReplicaId> whom = wait.Silent.Count == 0 ? wait.Behind : wait.Silent;
        string nodes = string.Join(", ", Others.Where(node => whom.Contains(node.Id)).Select(node => $"{node.Name} at {node.Address.Host}:{node.Address.Port}"));
        return $"its data directory is empty, and every first node has to be heard before such a one founds the cluster; not heard: {nodes}. "
            + "Start what is missing; in the place of a node that is lost for good, another with an empty directory";
    }

    // ---- answering ----

    private void OnQuestion(FoundingQuestion question)
    {
        Sender.Tell(AnswerTo(question), Self);
        bool isNews = !_heard.TryGetValue(question.Node, out (FoundingAnswer Answer, long At) heard) || heard.Answer.Answer.Disk != question.Disk;
        if (!_asksNoMore && isNews && Others.FirstOrDefault(node => node.Id == question.Node) is { } asking)
            At(asking).Tell(new FoundingQuestion(_settings.Self, _state.Disk), Self);
    }

    // Others have changed the store since, if this node is settled.
    private FoundingAnswer AnswerTo(FoundingQuestion question)
    {
        NodeState state = _state.Undecided ? _state : NodeState.Decode(_settings.NodeState.Load()!.Value);
        Guid known = state.DiskOf(question.Node);
        bool founds = known == question.Disk || (known == Guid.Empty && state.Undecided);
        return new FoundingAnswer(
            _settings.Self, new FounderAnswer(state.Disk, !state.Undecided, known), founds ? default : (ReadOnlyMemory<byte>)state.ForOneThatJoins().Encode());
    }

    private sealed class Ask
    {
        public static readonly Ask Instance = new();
    }
}
