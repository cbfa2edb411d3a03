using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// Reads of sessions that wait at one replica until it has applied what the session has seen, or until their patience ends: then
/// another replica, the leader, may know better, and there is time left to ask it.
/// </summary>
public sealed class SessionReads
{
    private readonly PriorityQueue<ClientRequest, long> _byIndex = new();

    public int Waiting => _byIndex.Count;

    /// <summary>Half of what a read that comes now has left until its deadline: the other half is the leader's.</summary>
    public static long PatienceOf(in ClientRequest read, long now) => now + (read.Deadline - now) / 2;

    public void Add(in ClientRequest read) => _byIndex.Enqueue(read, read.AtLeast.Index);

    /// <summary>The next read whose index has been applied, null if none is left.</summary>
    public ClientRequest? TakeReady(long appliedIndex) =>
        _byIndex.TryPeek(out _, out long index) && index <= appliedIndex ? _byIndex.Dequeue() : null;

    /// <summary>Removes every read the condition holds for; says when the earliest deadline of the others is.</summary>
    public long RemoveWhere(Func<ClientRequest, bool> condition)
    {
        long next = long.MaxValue;
        if (_byIndex.Count == 0)
            return next;
        var kept = new List<(ClientRequest, long)>(_byIndex.Count);
        foreach ((ClientRequest read, long index) in _byIndex.UnorderedItems)
        {
            if (condition(read))
                continue;
            kept.Add((read, index));
            next = Math.Min(next, read.Deadline);
        }

        _byIndex.Clear();
        _byIndex.EnqueueRange(kept);
        return next;
    }
}
