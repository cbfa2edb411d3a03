namespace ActorRepl.Protocols.Modes;

/// <summary>What is better must last before it counts, and then the worst of what it was meanwhile does. Larger is better.</summary>
internal sealed class Settling
{
    private bool _isBetter;
    private long _since;
    private int _worst;

    /// <summary>Takes what is now; what counts, once it has been better than <paramref name="present"/> for so long; null: nothing has.</summary>
    public int? Observe(int seen, int present, long now, long lasting)
    {
        if (seen <= present)
        {
            _isBetter = false;
            return null;
        }

        (_since, _worst) = _isBetter ? (_since, Math.Min(_worst, seen)) : (now, seen);
        _isBetter = true;
        return now - _since >= lasting ? _worst : null;
    }

    public void Restart() => _isBetter = false;
}
