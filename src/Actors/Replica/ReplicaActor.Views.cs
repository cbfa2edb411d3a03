using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Event;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Views: what the control group has installed is handed to the protocol, and what the protocol proposes to the control
/// group, one proposal at a time. What it proposes meanwhile waits, the last one only.
/// </summary>
internal sealed partial class ReplicaActor
{
    private ViewInForce _inForce = new(0, default);
    private ProposedView? _underWay;
    private ProposedView? _next;
    private bool _toldOfNoViews;
    private bool _asking;

    private ShardKey ViewKey => new(_context.Group.Name, _context.Shard);

    public void ProposeView(long expectedEpoch, ReadOnlyMemory<byte> view)
    {
        if (!HasViews())
            return;
        var proposed = new ProposedView(expectedEpoch, view);
        if (_underWay is null)
            Propose(proposed);
        else
            _next = proposed.IsSameAs(_underWay) ? null : proposed;
    }

    /// <summary>One question at a time: its answer is as good for whoever asks meanwhile.</summary>
    public void AskView()
    {
        if (!HasViews() || _asking)
            return;
        _asking = true;
        _context.Views!.AskAsync(ViewKey).PipeTo(_self);
    }

    private bool HasViews()
    {
        if (_context.Views is not null)
            return true;
        if (!_toldOfNoViews)
            Report("it proposes a view, and there is no control group to install it");
        _toldOfNoViews = true;
        return false;
    }

    private void OnViewAnswer(ReplicaDriver driver, ViewAnswer answer)
    {
        _asking = false;
        if (answer.InForce is { } inForce)
            driver.Handle(new Input.ViewChanged(Newer(inForce).Epoch, _inForce.View));
        else
            _log.Debug("{0}: the control group does not say which view is in force: {1}", _context, answer.Problem);
    }

    private void Propose(ProposedView proposed)
    {
        _underWay = proposed;
        _context.Views!.ProposeAsync(ViewKey, proposed.ExpectedEpoch, proposed.View).PipeTo(_self);
    }

    private void OnProposalOutcome(ReplicaDriver driver, ProposalOutcome outcome)
    {
        ProposedView answered = _underWay!;
        _underWay = null;
        if (outcome.Problem is { } problem)
            _log.Warning("{0}: the view after epoch {1} is not known to be installed: {2}", _context, answered.ExpectedEpoch, problem);
        // Told even if the replica knew of it: so it knows that the proposal is settled.
        if (outcome.InForce is { } inForce)
            driver.Handle(new Input.ViewChanged(Newer(inForce).Epoch, _inForce.View));
        if (_underWay is null && _next is { } next)
        {
            _next = null;
            if (next.ExpectedEpoch >= _inForce.Epoch)
                Propose(next);
        }
    }

    private void OnViewInForce(ReplicaDriver driver, ViewInForce view)
    {
        if (view.Epoch > _inForce.Epoch)
            driver.Handle(new Input.ViewChanged(Newer(view).Epoch, _inForce.View));
    }

    private ViewInForce Newer(ViewInForce view) => view.Epoch > _inForce.Epoch ? _inForce = view : _inForce;

    private sealed record ProposedView(long ExpectedEpoch, ReadOnlyMemory<byte> View)
    {
        public bool IsSameAs(ProposedView other) => ExpectedEpoch == other.ExpectedEpoch && View.Span.SequenceEqual(other.View.Span);
    }
}
