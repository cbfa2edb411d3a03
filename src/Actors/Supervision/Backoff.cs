namespace ActorRepl.Actors.Supervision;

/// <summary>Delays that double from the shortest to the longest, spread by a fifth so that nodes do not move in step.</summary>
internal sealed class Backoff(TimeSpan shortest, TimeSpan longest)
{
    private int _doublings;

    public TimeSpan Next()
    {
        TimeSpan delay = shortest * Math.Pow(2, Math.Min(_doublings++, 30));
        return (delay < longest ? delay : longest) * (1 + Random.Shared.NextDouble() / 5);
    }

    public void Reset() => _doublings = 0;
}
