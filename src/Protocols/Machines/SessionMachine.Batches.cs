using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Many commands at once. Sessions are kept in the order of the log, by this thread; between what they decide before a command
/// and what they note of its result, commands that have no key in common are applied on several threads.
/// </summary>
public sealed partial class SessionMachine
{
    private const int MostKeysTogether = 1 << 16;

    private readonly IKeyedStateMachine? _keyed = apply is { EffectiveLanes: > 1 } ? inner as IKeyedStateMachine : null;
    private readonly CommandGroups _groups = new();
    private readonly List<Waiting> _waiting = [];
    private readonly Dictionary<Guid, (long Lowest, long Highest)> _waitingSequences = [];
    private ReadOnlyMemory<byte>[] _waitingResults = [];
    private long _waitingGrowth;
    private int _resultsToCome;
    private long _resultBytesToCome;
    private Action<int>? _applyGroup;

    /// <summary>A command that has yet to be applied: its place in the batch, and what its result takes at most.</summary>
    private readonly record struct Waiting(int Place, AppliedCommand Command, SessionStamp? Stamp, long MostResultBytes);

    public int LeastBatch => _keyed is null ? int.MaxValue : Math.Max(2, apply!.ParallelFrom);

    /// <summary>Commands that were applied on several threads, since this machine was made.</summary>
    public long AppliedTogether { get; private set; }

    public void ApplyAll(ReadOnlySpan<AppliedCommand> commands, Span<ReadOnlyMemory<byte>> results)
    {
        Invariant.That(commands.Length == results.Length, "each command has a place for its result");
        for (int i = 0; i < commands.Length; i++)
        {
            if (_keyed is { } keyed && TryDefer(keyed, commands[i], i, results))
                continue;
            ApplyWaiting(results);
            results[i] = Apply(commands[i]);
        }

        ApplyWaiting(results);
    }

    /// <summary>Lets the command wait for others, or answers it; false: it is to be applied by itself, after all that wait.</summary>
    private bool TryDefer(IKeyedStateMachine keyed, in AppliedCommand command, int place, Span<ReadOnlyMemory<byte>> results)
    {
        if (CommandEnvelope.IsMark(command.Payload.Span))
        {
            results[place] = default;
            return true;
        }

        ReadOnlyMemory<byte> payload;
        SessionStamp? stamp;
        try
        {
            payload = CommandEnvelope.Decode(command.Payload, out stamp);
        }
        catch (InvalidDataException)
        {
            return false;
        }

        if (_groups.Keys >= MostKeysTogether || (stamp is { } next && DependsOnWaiting(next, command.Wall)))
            ApplyWaiting(results);
        if (!_groups.TryAdd(keyed, payload, out long mostResultBytes, out long mostGrowthBytes))
            return false;
        if (stamp is { } begun && !Begins(begun, command, out results[place]))
        {
            _groups.RemoveLast();
            return true;
        }

        var waiting = new Waiting(place, command with { Payload = payload }, stamp, mostResultBytes);
        _waiting.Add(waiting);
        _waitingGrowth += mostGrowthBytes;
        if (stamp is { } noted)
            Note(noted, mostResultBytes);
        return true;
    }

    /// <summary>Whether what becomes of a command of this session may follow from results that are yet to come.</summary>
    private bool DependsOnWaiting(in SessionStamp stamp, long wall)
    {
        if (_waitingSequences.Count == 0)
            return false;
        if (_waitingSequences.TryGetValue(stamp.Client, out (long Lowest, long Highest) own) && (stamp.Sequence <= own.Highest || stamp.FirstIncomplete > own.Lowest))
            return true;
        return !_sessions.ForgetsNobody(stamp, wall, _resultsToCome, _resultBytesToCome);
    }

    private bool Begins(in SessionStamp stamp, in AppliedCommand command, out ReadOnlyMemory<byte> answer)
    {
        SessionStatus status = _sessions.Begin(stamp, command.Index, command.Wall, out byte[]? kept);
        bool begins = kept is null && status == SessionStatus.Applied;
        answer = begins ? default : kept ?? [(byte)status];
        return begins;
    }

    private void Note(in SessionStamp stamp, long mostResultBytes)
    {
        _resultsToCome++;
        _resultBytesToCome += sizeof(byte) + mostResultBytes;
        _waitingSequences[stamp.Client] = _waitingSequences.TryGetValue(stamp.Client, out (long Lowest, long Highest) own)
            ? (Math.Min(own.Lowest, stamp.Sequence), Math.Max(own.Highest, stamp.Sequence))
            : (stamp.Sequence, stamp.Sequence);
    }

    private void ApplyWaiting(Span<ReadOnlyMemory<byte>> results)
    {
        if (_waiting.Count == 0)
            return;
        if (_waitingResults.Length < _waiting.Count)
            _waitingResults = new ReadOnlyMemory<byte>[Math.Max(_waiting.Count, _waitingResults.Length * 2)];
        if (!TryApplyTogether())
        {
            for (int i = 0; i < _waiting.Count; i++)
                ApplyWaiting(i);
        }

        for (int i = 0; i < _waiting.Count; i++)
        {
            Waiting waiting = _waiting[i];
            if (waiting.Stamp is { } stamp)
                _sessions.Complete(stamp, Kept(_waitingResults[i]));
            results[waiting.Place] = _waitingResults[i];
        }

        Array.Clear(_waitingResults, 0, _waiting.Count);
        _waiting.Clear();
        _waitingSequences.Clear();
        _groups.Clear();
        (_waitingGrowth, _resultsToCome, _resultBytesToCome) = (0, 0, 0);
    }

    private bool TryApplyTogether()
    {
        if (_waiting.Count < LeastBatch)
            return false;
        _groups.Divide();
        if (_groups.Count == 1 || !_keyed!.BeginTogether(_waiting.Count, _waitingGrowth))
            return false;
        if (apply!.OnOneThread)
            ApplyBackwards();
        else
            ForkJoin.Run(_groups.Count, apply.EffectiveLanes, _applyGroup ??= ApplyGroup);
        _keyed.EndTogether();
        AppliedTogether += _waiting.Count;
        return true;
    }

    private void ApplyBackwards()
    {
        for (int group = _groups.Count - 1; group >= 0; group--)
            ApplyGroup(group);
    }

    private void ApplyGroup(int group)
    {
        foreach (int number in _groups[group])
            ApplyWaiting(number);
    }

    // By any thread: it reads what waits and writes the one result.
    private void ApplyWaiting(int number)
    {
        Waiting waiting = _waiting[number];
        ReadOnlyMemory<byte> result = inner.Apply(waiting.Command);
        Invariant.That(result.Length <= waiting.MostResultBytes, "a result is no longer than the machine said it could be");
        _waitingResults[number] = waiting.Stamp is null ? result : Stamped(result.Span);
    }

    // Made by Stamped: an array of its own.
    private static byte[] Kept(ReadOnlyMemory<byte> stamped) =>
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(stamped, out ArraySegment<byte> whole) ? whole.Array! : stamped.ToArray();
}
