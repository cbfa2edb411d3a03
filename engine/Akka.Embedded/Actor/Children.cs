namespace Akka.Actor.Internal;

/// <summary>A child and how often it was restarted of late.</summary>
public class ChildRestartStats(IInternalActorRef child, uint maxNrOfRetriesCount = 0, long restartTimeWindowStartTicks = 0)
{
    private const long Never = 0;

    public IInternalActorRef Child { get; } = child;
    public long Uid => Child.Path.Uid;
    public uint MaxNrOfRetriesCount { get; private set; } = maxNrOfRetriesCount;
    public long RestartTimeWindowStartTicks { get; private set; } = restartTimeWindowStartTicks;

    /// <summary>True once the child was told to stop.</summary>
    internal bool Stopping { get; set; }

    /// <summary>Counts one more restart; false if that is too many within the time. Negative limits are none.</summary>
    public bool RequestRestartPermission(int maxNrOfRetries, int withinTimeMilliseconds)
    {
        if (maxNrOfRetries == 0) return false;
        if (withinTimeMilliseconds <= 0) return maxNrOfRetries < 0 || ++MaxNrOfRetriesCount <= maxNrOfRetries;

        long now = Environment.TickCount64 * TimeSpan.TicksPerMillisecond;
        bool within = RestartTimeWindowStartTicks != Never
            && now - RestartTimeWindowStartTicks <= withinTimeMilliseconds * TimeSpan.TicksPerMillisecond;
        if (!within)
        {
            RestartTimeWindowStartTicks = now;
            MaxNrOfRetriesCount = 1;
            return true;
        }

        return ++MaxNrOfRetriesCount <= (maxNrOfRetries < 0 ? 1 : maxNrOfRetries);
    }
}

/// <summary>The children of one actor. Safe to read and to add to from any thread: the guardian's are created from outside.</summary>
internal sealed class ChildTable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ChildRestartStats> _byName = [];
    private long _names;
    private bool _closed;

    public string NextName() => GeneratedName.Of(Interlocked.Increment(ref _names) - 1);

    /// <summary>Adds what <paramref name="create"/> makes; the name must be free.</summary>
    public IInternalActorRef Add(string name, Func<IInternalActorRef> create)
    {
        lock (_gate)
        {
            if (_closed) throw new InvalidOperationException("Cannot create child while terminating or terminated");
            if (!_byName.TryAdd(name, null)) throw new InvalidActorNameException($"Actor name \"{name}\" is not unique!");
        }

        IInternalActorRef child = null;
        try
        {
            return child = create();
        }
        finally
        {
            lock (_gate)
            {
                if (child is null) _byName.Remove(name);
                else _byName[name] = new ChildRestartStats(child) { Stopping = _closed };
            }

            // Whoever closed the table in between did not see this child.
            if (child is not null && _closed) child.Stop();
        }
    }

    /// <summary>The child of that name; with "#uid" only that incarnation.</summary>
    public IInternalActorRef Find(string name)
    {
        int hash = name.IndexOf('#');
        lock (_gate)
        {
            if (!_byName.TryGetValue(hash < 0 ? name : name[..hash], out ChildRestartStats stats) || stats is null) return null;
            return hash < 0 || name.AsSpan(hash + 1).SequenceEqual(stats.Uid.ToString(System.Globalization.CultureInfo.InvariantCulture)) ? stats.Child : null;
        }
    }

    public ChildRestartStats Find(IActorRef child)
    {
        lock (_gate)
        {
            return _byName.TryGetValue(child.Path.Name, out ChildRestartStats stats) && stats is not null && stats.Child.Equals(child) ? stats : null;
        }
    }

    public List<ChildRestartStats> All()
    {
        lock (_gate) return [.. _byName.Values.Where(stats => stats is not null)];
    }

    public bool Remove(IActorRef child)
    {
        lock (_gate) return Find(child) is not null && _byName.Remove(child.Path.Name);
    }

    /// <summary>No child can be added from now on.</summary>
    public void Close()
    {
        lock (_gate) _closed = true;
    }

    public bool IsEmpty
    {
        get
        {
            lock (_gate) return _byName.Values.All(stats => stats is null);
        }
    }

    public bool AnyStopping
    {
        get
        {
            lock (_gate) return _byName.Values.Any(stats => stats is { Stopping: true });
        }
    }
}

/// <summary>An actor that is told when its constructor has ended.</summary>
public interface IInitializableActor
{
    void Init();
}
