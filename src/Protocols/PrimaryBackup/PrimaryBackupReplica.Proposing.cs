using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// How views get to the control group. From a proposal on until its outcome is known a primary acknowledges only what meets both views, so it asks
/// first whether the control group answers: while that is away nothing binds it, and whoever is left of the view in force is enough.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    /// <summary>The view that this primary has proposed, as long as it may still be installed.</summary>
    private View? _proposal;

    private protected override void HearControl()
    {
        base.HearControl();
        if (_proposal is null)
            Disarm(ProposalTimer);
    }

    private void ProposeNext(View view)
    {
        Invariant.That(view.Epoch == Epoch + 1, "the next view follows the one in force");
        byte[] bytes = view.Encode();
        // Something has changed: the control group may like it better.
        if (!bytes.AsSpan().SequenceEqual(_lastProposed))
            _unanswered = 0;
        _lastProposed = bytes;
        _effects.Add(new Effect.ProposeView(Epoch, bytes));
        if (_part == Part.Primary)
            SayAgainLater();
    }

    private void OnProposalTimer()
    {
        if (_part != Part.Primary)
            return;
        if (_proposal is { } proposal)
            ProposeNext(proposal);
        else
            _viewMayBeDue = true;
    }
}
