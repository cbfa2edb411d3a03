using System.Collections.Concurrent;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Machines;

/// <summary>
/// A machine as an application might write it, which takes long over each command: a command is a key, and stays until as many
/// others are inside as are expected at once, for at most ten seconds the first time.
/// </summary>
internal sealed class SlowMachine(int expected) : IKeyedStateMachine
{
    public const int Unknown = -1;

    private readonly ConcurrentDictionary<int, List<long>> _applied = new();
    private readonly ConcurrentDictionary<int, bool> _threads = new();
    private readonly List<long> _aloneAfter = [];
    private readonly object _gate = new();
    private int _inside;
    private int _count;

    public int MostAtOnce { get; private set; }

    public int ResultBytes { get; init; }

    public ICollection<int> Threads => _threads.Keys;

    /// <summary>How many commands were applied before each command of unknown keys.</summary>
    public IReadOnlyList<long> AloneAfter => _aloneAfter;

    public long ApproximateBytes => 0;

    /// <summary>The indexes of a key's commands, in the order in which they were applied.</summary>
    public IReadOnlyList<long> AppliedTo(int key) => _applied[key];

    public bool TryFindKeys(ReadOnlyMemory<byte> command, CommandKeys keys)
    {
        int key = BitConverter.ToInt32(command.Span);
        keys.Add(key);
        return key != Unknown;
    }

    public bool BeginTogether(int commands, long growthBytes) => true;

    public void EndTogether()
    {
    }

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
    {
        int key = BitConverter.ToInt32(command.Payload.Span);
        _threads.TryAdd(Environment.CurrentManagedThreadId, true);
        lock (_gate)
        {
            _inside++;
            MostAtOnce = Math.Max(MostAtOnce, _inside);
            Monitor.PulseAll(_gate);
            if (key == Unknown)
                _aloneAfter.Add(_inside == 1 ? _count : -1);
            while (MostAtOnce < expected && Monitor.Wait(_gate, TimeSpan.FromSeconds(10)))
            {
            }

            _inside--;
            _count++;
        }

        // A list of its own for each key: two threads at one key would be seen.
        _applied.GetOrAdd(key, _ => []).Add(command.Index);
        return new byte[ResultBytes];
    }

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => default;

    public ICheckpointView BeginCheckpoint() => throw new NotSupportedException();

    public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments) => throw new NotSupportedException();
}
