using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>Updates that clients make here: an operation becomes a delta, all operations of an update become one unit.</summary>
public sealed partial class ConvergentStore
{
    private (Dot Unit, byte[] Answer) Change(StoreUpdate.Local local, long index, long wall)
    {
        CrdtUpdate update;
        try
        {
            update = CrdtUpdate.Decode(local.Update.Span);
        }
        catch (InvalidDataException wrong)
        {
            return Refused(wrong.Message);
        }

        if (update.Id != Guid.Empty && _recent.TryGetValue(update.Id, out Dot before))
            return (before, Answer(Again(update)));
        if (!update.Unchanged.All(IsUnchanged))
            return (new Dot(_source, 0), StoreAnswer.Ok(new CrdtResult(Feed, _feed.Position, []) { Applied = false }.ToBytes()));
        var working = new Dictionary<CrdtKey, object>();
        var saved = new List<CrdtKey>();
        if (Overgrown(update, local.Update.Length) is { } tooLarge)
            return Refused(tooLarge);
        if (Refusal(update, local.Update.Length, working, saved) is { } why)
            return Refused(why);
        var parts = new List<(CrdtKey, ReadOnlyMemory<byte>)>(update.Operations.Count);
        long[] results = new long[update.Operations.Count];
        var editor = new Editor(_source, wall, SourceOf, _limits.MaxUpdateBytes);
        try
        {
            // Lists and texts come last: nothing is refused of them any more, and what is done to them is not taken back.
            foreach (int i in Enumerable.Range(0, results.Length).OrderBy(i => ValueType.Of(update.Operations[i].Key.Type).IsSequence))
            {
                (CrdtKey key, CrdtOperation operation) = update.Operations[i];
                byte[] delta = ValueType.Of(key.Type).Change(working[key], operation, editor, out results[i]);
                if (delta.Length > 0)
                    parts.Add((key, delta));
            }

            if (saved.Count == working.Count)
                Fits(parts);
        }
        catch (OperationRefusedException refusal)
        {
            foreach (CrdtKey key in saved)
                _values.Forget(key);
            return Refused(refusal.Message);
        }

        if (parts.Count == 0)
            return (new Dot(_source, _vector[_source]), Answer(results));
        var unit = new UpdateUnit(_vector[_source] + 1, Vectors.Beyond(_vector, _told.With(new Dot(_source, long.MaxValue))), Vectors.Beyond(_stable, _toldStable), update.Id, parts);
        var dot = new Dot(_source, unit.Number);
        Applied(dot, unit.ToBytes(), update.Id);
        (_told, _toldStable) = (_vector, _stable);
        foreach (CrdtKey key in parts.Select(part => part.Item1).Distinct())
            Changed(key, working[key], index, parts.Sum(part => part.Item1 == key ? part.Item2.Length : 0));
        foreach ((CrdtKey key, ReadOnlyMemory<byte> delta) in parts)
            AddTag(key, dot, delta.Span);
        return (dot, Answer(results));
    }

    /// <summary>Which value would have to grow beyond what checkpoints and messages hold; what makes one smaller is not refused.</summary>
    private string? Overgrown(CrdtUpdate update, int bytes)
    {
        foreach ((CrdtKey key, CrdtOperation operation) in update.Operations)
        {
            if (_tagBytes > _limits.MaxTagBytes && ValueType.Of(key.Type).HasTags)
                return $"{_tagBytes} bytes tell of changes of maps, lists and texts that some member has not, {_limits.MaxTagBytes} is the most: it has to come back, or to be taken out of the group";
            bool grows = !Shrinks(operation);
            if (grows && key.Type > CrdtType.BoundedCounter && _values.BytesOf(key) + bytes > _limits.MaxValueBytes)
            {
                _values.Save(key);
                if (_values.BytesOf(key) + bytes > _limits.MaxValueBytes)
                    return $"{key} has {_values.BytesOf(key)} bytes; an update of {bytes} would take it over {_limits.MaxValueBytes}";
            }
        }

        return null;
    }

    /// <summary>Finds the values, and why an index into one of them cannot be: of sequences that is known before anything is changed, and nothing else is refused of them.</summary>
    private string? Refusal(CrdtUpdate update, int bytes, Dictionary<CrdtKey, object> working, List<CrdtKey> saved)
    {
        foreach ((CrdtKey key, _) in update.Operations)
        {
            if (!working.ContainsKey(key))
                working[key] = _values.Get(key, out _);
        }

        long most = MostOf(update, bytes, working);
        if (most > _limits.MaxUpdateBytes)
        {
            // Now by what the values have, and not by what they have about: this is judged alike when the log is replayed.
            foreach (CrdtKey key in working.Keys)
                _values.Save(key);
            most = MostOf(update, bytes, working);
        }

        if (most > _limits.MaxUpdateBytes && working.Keys.Any(key => ValueType.Of(key.Type).IsSequence))
            return $"the update would have up to {most} bytes, {_limits.MaxUpdateBytes} is the most: make it in parts, of texts and lists by deleting some of what is to go at a time";
        // What was done before a later operation is refused has to be taken back; a counter is refused when it is changed already.
        bool mayTakeBack = update.Operations.Count > 1 && (most > _limits.MaxUpdateBytes || update.Operations.Any(each => !ValueType.Of(each.Key.Type).IsSequence && ValueType.Of(each.Key.Type).MayRefuse(each.Operation)));
        foreach (CrdtKey key in working.Keys.Where(key => !ValueType.Of(key.Type).IsSequence && (mayTakeBack || key.Type <= CrdtType.BoundedCounter)))
        {
            _values.Save(key);
            saved.Add(key);
        }

        var lengths = new Dictionary<CrdtKey, (long Length, long Inserted)>();
        foreach ((CrdtKey key, CrdtOperation operation) in update.Operations)
        {
            ValueType type = ValueType.Of(key.Type);
            object value = working[key];
            if (!type.IsSequence)
                continue;
            (long length, long inserted) = lengths.TryGetValue(key, out (long, long) before) ? before : (((CrdtData.Number)type.Answer(value, new CrdtQuery.Count(key))).Value, 0L);
            if (type.Refusal(value, operation, ref length, ref inserted) is { } why)
                return $"{key}: {why}";
            lengths[key] = (length, inserted);
        }

        return null;
    }

    private static bool Shrinks(CrdtOperation operation) => operation is CrdtOperation.Remove or CrdtOperation.RemoveField or CrdtOperation.Clear or CrdtOperation.DeleteRange or CrdtOperation.Reset
        || (operation is CrdtOperation.Field field && Shrinks(field.Inner));

    private long MostOf(CrdtUpdate update, int bytes, Dictionary<CrdtKey, object> working) =>
        bytes + update.Operations.Sum(each => ValueType.Of(each.Key.Type).MostAdded(working[each.Key], _values.BytesOf(each.Key), each.Operation, _limits.MaxUpdateBytes));

    private void Fits(IReadOnlyList<(CrdtKey Key, ReadOnlyMemory<byte> Delta)> parts)
    {
        long bytes = parts.Sum(part => (long)part.Delta.Length + part.Key.Name.Length);
        if (bytes > _limits.MaxUpdateBytes)
            throw new OperationRefusedException($"the changes would have {bytes} bytes, {_limits.MaxUpdateBytes} is the most: make them in parts");
    }

    private bool IsUnchanged(CrdtCondition condition) => condition.Feed == Feed && _values.VersionOf(condition.Key) == condition.Version;

    private byte[] Answer(IReadOnlyList<long> results) => StoreAnswer.Ok(new CrdtResult(Feed, _feed.Position, results).ToBytes());

    private (Dot, byte[]) Refused(string why) => (new Dot(_source, 0), StoreAnswer.Refused(why));

    // What it answered then is not kept: counters say what they are, all else that nothing has changed.
    private long[] Again(CrdtUpdate update) => [.. update.Operations.Select(each => each.Key.Type <= CrdtType.BoundedCounter ? NumberOf(each.Key) : 0)];

    private long NumberOf(in CrdtKey key)
    {
        try
        {
            return ((CrdtData.Number)ValueType.Of(key.Type).View(_values.Get(key, out _))).Value;
        }
        catch (OperationRefusedException)
        {
            // The sum does not fit.
            return 0;
        }
    }

    private VersionSource SourceOf(ReplicaId replica) => replica == _source.Replica ? _source : _latest.GetValueOrDefault(replica, new VersionSource(replica));
}
