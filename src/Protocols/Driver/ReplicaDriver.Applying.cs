using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Driver;

/// <summary>
/// Applying: one command after another, or, where the machine gains by it, all commands of batches that follow each other in
/// one call. Queries and checkpoints come between two effects, and so never see a part of such a call.
/// </summary>
public sealed partial class ReplicaDriver
{
    // Of a replica that catches up there is no end: so much at a time.
    private const int MostCommandsTogether = 8_192;
    private const long MostBytesTogether = 8L << 20;

    private readonly List<AppliedCommand> _together = [];
    private ReadOnlyMemory<byte>[] _results = [];

    /// <summary>Applies the batches from this effect on in one call and returns how many effects that were; 0: there are too few commands, or none.</summary>
    private int ApplyTogether(IReadOnlyList<Effect> effects, int from)
    {
        if (_machine is not IBatchStateMachine { LeastBatch: <= MostCommandsTogether } machine || effects[from] is not Effect.Apply || _marks.Count > 0)
            return 0;
        int count = 0, commands = 0;
        long bytes = 0;
        for (; from + count < effects.Count && effects[from + count] is Effect.Apply next; count++)
        {
            if (count > 0 && (commands + next.Batch.Count > MostCommandsTogether || bytes + next.Batch.Bytes.Length > MostBytesTogether))
                break;
            commands += next.Batch.Kind == EntryKind.Command ? next.Batch.Count : 0;
            bytes += next.Batch.Bytes.Length;
        }

        if (commands < machine.LeastBatch)
            return 0;
        for (int i = 0; i < count; i++)
            Gather((Effect.Apply)effects[from + i]);
        if (_results.Length < commands)
            _results = new ReadOnlyMemory<byte>[Math.Max(commands, _results.Length * 2)];
        Span<ReadOnlyMemory<byte>> results = _results.AsSpan(0, commands);
        machine.ApplyAll(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_together), results);
        for (int i = 0, first = 0; i < count; i++)
            first += Answer((Effect.Apply)effects[from + i], results[first..]);
        results.Clear();
        _together.Clear();
        return count;
    }

    private void Gather(Effect.Apply apply)
    {
        CheckOrder(apply);
        EntryBatch batch = apply.Batch;
        (_appliedIndex, _appliedTerm) = (batch.LastIndex, batch.Term);
        if (batch.Kind != EntryKind.Command)
            return;
        long index = batch.FirstIndex;
        foreach (ReadOnlyMemory<byte> payload in batch)
            _together.Add(new AppliedCommand(index++, batch.Wall, payload));
    }

    /// <summary>Gives those who wait for this batch their results, and returns how many results are its own.</summary>
    private int Answer(Effect.Apply apply, ReadOnlySpan<ReadOnlyMemory<byte>> results)
    {
        if (apply.Batch.Kind != EntryKind.Command)
            return 0;
        for (int place = 0; place < apply.Waiting.Count; place++)
        {
            if (apply.Waiting[place] is not 0 and long request)
                _host.Reply(request, results[place]);
        }

        return apply.Batch.Count;
    }

    private void Apply(Effect.Apply apply)
    {
        CheckOrder(apply);
        EntryBatch batch = apply.Batch;
        long index = batch.FirstIndex;
        foreach (ReadOnlyMemory<byte> payload in batch)
        {
            if (batch.Kind == EntryKind.Command)
            {
                ReadOnlyMemory<byte> result = _machine.Apply(new AppliedCommand(index, batch.Wall, payload));
                int place = (int)(index - batch.FirstIndex);
                if (apply.Waiting.Count > 0 && apply.Waiting[place] is not 0 and long request)
                    _host.Reply(request, result);
                if (_marks.Count > 0)
                    PassMarks(payload.Span, new LogPosition(batch.Term, index));
            }

            index++;
        }

        (_appliedIndex, _appliedTerm) = (batch.LastIndex, batch.Term);
    }

    private void CheckOrder(Effect.Apply apply)
    {
        Invariant.That(apply.Batch.FirstIndex == _appliedIndex + 1, "entries are applied in order, each once");
        Invariant.That(apply.Waiting.Count is 0 || apply.Waiting.Count == apply.Batch.Count, "who waits is said for each entry or for none");
    }
}
