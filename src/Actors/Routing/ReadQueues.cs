using ActorRepl.Actors.Client;

namespace ActorRepl.Actors.Routing;

/// <summary>Reads that any replica may answer and that have not been sent, one queue for each read preference.</summary>
internal sealed class ReadQueues
{
    private readonly Queue<Call>[] _queues = [.. Enum.GetValues<ReadFrom>().Select(_ => new Queue<Call>())];

    public int Count { get; private set; }

    public void Add(Call call)
    {
        _queues[(int)call.From].Enqueue(call);
        Count++;
    }

    /// <summary>They came before what is here, and keep their order.</summary>
    public void AddInFront(IReadOnlyCollection<Call> calls)
    {
        if (calls.Count == 0)
            return;
        foreach (IGrouping<ReadFrom, Call> alike in calls.GroupBy(call => call.From))
            _queues[(int)alike.Key] = new Queue<Call>(alike.Concat(_queues[(int)alike.Key]));
        Count += calls.Count;
    }

    /// <summary>Takes all that wait with one preference; empty: none do.</summary>
    public Queue<Call> Take(ReadFrom from)
    {
        Queue<Call> taken = _queues[(int)from];
        if (taken.Count == 0)
            return taken;
        _queues[(int)from] = new Queue<Call>();
        Count -= taken.Count;
        return taken;
    }
}
