using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Commands that are to be applied together, in groups: two that touch the same key are in one, directly or through others
/// (disjoint sets, Galler and Fischer 1964). Groups have no key in common, and each is in the order of the log. It is what MySQL's
/// replicas work out from writesets, for transactions of many keys.
/// </summary>
internal sealed class CommandGroups
{
    private const int NoOwner = -1;

    private readonly CommandKeys _keys = new();
    private readonly List<int> _keysEnd = [];
    private ulong[] _slots = [];
    private int[] _owners = [];
    private int[] _parents = [];
    private int[] _groupOf = [];
    private int[] _ends = [];
    private int[] _members = [];

    /// <summary>Commands that were added.</summary>
    public int Commands => _keysEnd.Count;

    /// <summary>Keys that they named, each as often as it was named.</summary>
    public int Keys => _keys.Count;

    /// <summary>Groups that they fall into, once <see cref="Divide"/> was called.</summary>
    public int Count { get; private set; }

    /// <summary>The places of a group's commands, in the order they were added.</summary>
    public ReadOnlySpan<int> this[int group] => _members.AsSpan(group == 0 ? 0 : _ends[group - 1], SizeOf(group));

    /// <summary>Adds a command; false: its keys are not known, and it was not added.</summary>
    /// <param name="machine">Names them.</param>
    /// <param name="command">The command.</param>
    /// <param name="mostResultBytes">What its result takes at most.</param>
    /// <param name="mostGrowthBytes">What it adds at most.</param>
    public bool TryAdd(IKeyedStateMachine machine, ReadOnlyMemory<byte> command, out long mostResultBytes, out long mostGrowthBytes)
    {
        int before = _keys.Count;
        _keys.BeginCommand(command.Length);
        bool known = machine.TryFindKeys(command, _keys);
        (mostResultBytes, mostGrowthBytes) = (_keys.MostResultBytes, _keys.MostGrowthBytes);
        if (known)
            _keysEnd.Add(_keys.Count);
        else
            _keys.CutTo(before);
        return known;
    }

    /// <summary>Takes the command back that was added last.</summary>
    public void RemoveLast()
    {
        _keysEnd.RemoveAt(_keysEnd.Count - 1);
        _keys.CutTo(_keysEnd.Count > 0 ? _keysEnd[^1] : 0);
    }

    public void Divide()
    {
        JoinByKeys();
        int commands = Commands;
        Grow(ref _groupOf, commands);
        Grow(ref _ends, commands);
        Grow(ref _members, commands);
        Count = 0;
        // The first command of a group is its root: it comes before the others.
        for (int i = 0; i < commands; i++)
        {
            int root = RootOf(i);
            if (root == i)
                _ends[Count] = 0;
            _groupOf[i] = root == i ? Count++ : _groupOf[root];
            _ends[_groupOf[i]]++;
        }

        for (int start = 0, group = 0; group < Count; group++)
            (_ends[group], start) = (start, start + _ends[group]);
        for (int i = 0; i < commands; i++)
            _members[_ends[_groupOf[i]]++] = i;
    }

    public void Clear()
    {
        _keys.CutTo(0);
        _keysEnd.Clear();
        Count = 0;
    }

    private int SizeOf(int group) => _ends[group] - (group == 0 ? 0 : _ends[group - 1]);

    private void JoinByKeys()
    {
        int commands = Commands;
        Grow(ref _parents, commands);
        int size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, _keys.Count * 2));
        if (_slots.Length < size)
            (_slots, _owners) = (new ulong[size], new int[size]);
        Array.Fill(_owners, NoOwner, 0, size);
        ReadOnlySpan<ulong> hashes = _keys.Hashes;
        for (int command = 0, next = 0; command < commands; command++)
        {
            _parents[command] = command;
            for (; next < _keysEnd[command]; next++)
            {
                int at = (int)hashes[next] & (size - 1);
                while (_owners[at] != NoOwner && _slots[at] != hashes[next])
                    at = (at + 1) & (size - 1);
                if (_owners[at] != NoOwner)
                    Join(_owners[at], command);
                (_slots[at], _owners[at]) = (hashes[next], command);
            }
        }
    }

    private void Join(int one, int other)
    {
        (one, other) = (RootOf(one), RootOf(other));
        _parents[Math.Max(one, other)] = Math.Min(one, other);
    }

    private int RootOf(int command)
    {
        while (_parents[command] != command)
            command = _parents[command] = _parents[_parents[command]];
        return command;
    }

    private static void Grow(ref int[] array, int length)
    {
        if (array.Length < length)
            array = new int[Math.Max(length, array.Length * 2)];
    }
}
