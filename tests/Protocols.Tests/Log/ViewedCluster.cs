using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Log;

/// <summary>Replicas that follow views, and a control group that installs one view an epoch.</summary>
internal abstract class ViewedCluster<TNode> : LogCluster<TNode> where TNode : ViewedNode
{
    /// <param name="size">Members that the shard is made with.</param>
    /// <param name="seed">Of the first; the others follow.</param>
    /// <param name="late">Those that are not there yet.</param>
    protected ViewedCluster(int size, ulong seed, int[]? late)
        : base(size, seed)
    {
        for (int id = 1; id <= size; id++)
            Put(id, New(id, NextSeed(), joins: false));
        Kill(late ?? []);
        foreach (TNode node in Running)
            node.Start();
        Settle();
    }

    /// <summary>The epoch that the control group has; the first view is known without it.</summary>
    public long Epoch { get; private set; }

    /// <summary>False: the control group takes nothing and says nothing.</summary>
    public bool ControlWorks { get; set; } = true;

    /// <summary>True: it says which view is in force, and proposals do not arrive.</summary>
    public bool LosesProposals { get; set; }

    /// <summary>Proposals so far, whatever became of them.</summary>
    public int Proposed { get; private set; }

    protected ReadOnlyMemory<byte> EncodedView { get; private set; }

    /// <summary>Who takes commands in the latest epoch, among those that run.</summary>
    protected TNode? Leading => Running.Where(node => node.Leads).MaxBy(node => node.Viewed.Epoch);

    /// <summary>One that was late starts for the first time.</summary>
    public void Appear(int id)
    {
        Put(id, this[id]).Now = Now;
        this[id].Start();
        Settle();
    }

    public TNode Join(int id) => Put(id, New(id, NextSeed(), joins: true)).Start();

    /// <summary>Waits until the leader of the newest epoch serves and all who run follow it.</summary>
    public TNode Ready()
    {
        Until(() => Leading is { } leader && leader.Viewed.Epoch == Epoch && leader.Viewed.CommitIndex == leader.Status.LastIndex
            && Running.All(node => node.Viewed.Epoch == Epoch));
        return Leading!;
    }

    /// <summary>Waits for the answer to a request: its result, or why it is refused.</summary>
    public string Answer(TNode node, long request, long limit = 15 * Instant.Second)
    {
        Until(() => node.Replies.ContainsKey(request) || node.Rejections.ContainsKey(request), limit, "an answer");
        return node.Rejections.TryGetValue(request, out Rejection why) ? $"{why.Reason}{(why.OutcomeUnknown ? " unknown" : "")}" : node.Replies[request];
    }

    public string Write(string command, WriteConcern concern = default) => Leading is { } leader ? Answer(leader, leader.Command(command, concern)) : "no leader";

    protected abstract TNode New(int id, ulong seed, bool joins);

    protected override long? TermLedBy(TNode node) => node.Leads ? node.Viewed.Epoch : null;

    protected override void OnRestarted(TNode node)
    {
        if (ControlWorks && Epoch > 0)
            node.Step(new Input.ViewChanged(Epoch, EncodedView));
    }

    protected override bool Decide(TNode node)
    {
        (long Expected, ReadOnlyMemory<byte> View)[] proposals = [.. node.Proposals];
        Proposed += proposals.Length;
        node.Proposals.Clear();
        bool asks = node.AsksForView;
        node.AsksForView = false;
        if (!ControlWorks)
            return false;
        if (asks)
            node.Step(new Input.ViewChanged(Epoch, EncodedView));
        foreach ((long expected, ReadOnlyMemory<byte> view) in LosesProposals ? [] : proposals)
        {
            if (expected == Epoch)
                (Epoch, EncodedView) = (Epoch + 1, view);
            foreach (TNode other in Running)
                other.Step(new Input.ViewChanged(Epoch, EncodedView));
        }

        return asks || proposals.Length > 0;
    }
}
