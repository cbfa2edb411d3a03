using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// The state of one replica of a CRDT group: values, what is known of each member's updates, the units that others may still need. It belongs to that replica alone:
/// others reach the same values by other updates, in another order.
/// </summary>
public sealed partial class ConvergentStore : IStateMachine
{
    private const int MostRecent = 16_384;
    private const long BytesOfTagList = 200;

    private readonly ConvergentOptions _options;
    private readonly ValueTable _values;
    private readonly UnitLog _units;
    private readonly ChangeFeed _feed;
    private readonly ShiftList<Outcome> _outcomes = new();
    private readonly Dictionary<ReplicaId, (long Token, FrozenStore Store)> _frozen = [];
    private readonly List<ValuePart> _staged = [];
    // Of values that let go of something once it is stable: what is not, and by which updates it came.
    private readonly Dictionary<CrdtKey, TagList> _tagged = [];
    private readonly Dictionary<Guid, Dot> _recent = [];
    private readonly Queue<Guid> _recentOrder = new();
    // Under which source each replica was heard of last.
    private readonly SortedDictionary<ReplicaId, VersionSource> _latest = [];

    private VersionSource _source;
    private VersionVector _vector = VersionVector.Empty;
    // What of others the last unit of this source came after.
    private VersionVector _told = VersionVector.Empty;
    private VersionVector _stable = VersionVector.Empty;
    // What every member has settled: what is let go of there was settled here before, whole values that are brought over included.
    private VersionVector _known = VersionVector.Empty;
    private VersionVector _toldStable = VersionVector.Empty;
    private bool _isRebuilding;
    private StoreUpdate.Limits _limits;
    private long _unreadable;
    private long _tags;
    private long _tagBytes;
    public ConvergentStore(ConvergentOptions? options = null)
    {
        _options = options ?? ConvergentOptions.Default;
        _values = new ValueTable(_options.MaxHotValues);
        _units = new UnitLog(_options.MaxRetainedBytes);
        _feed = new ChangeFeed(_options.MaxChanges);
        _limits = StoreUpdate.Limits.Of(_options);
    }

    /// <summary>Keys that were ever changed.</summary>
    public int Count => _values.Count;

    public long ApproximateBytes => _values.Bytes + 40L * _values.Count + _units.Bytes + _tagBytes + BytesOfTagList * _tagged.Count;

    /// <summary>Where the feed of changes stands: an index of the log.</summary>
    public long Position => _feed.Position;

    // The same after a restart, so that what an update asks to be unchanged is judged alike when the log is replayed.
    private long Feed => ((long)_source.Replica.Value << 32) | _source.Generation;

    /// <summary>Bytes of updates that are kept for others.</summary>
    public long RetainedBytes => _units.Bytes;

    /// <summary>What this replica has of each source.</summary>
    public VersionVector Vector => _vector;

    /// <summary>What every member was last known to have.</summary>
    public VersionVector Stable => _stable;

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
    {
        switch (StoreUpdate.Decode(command.Payload))
        {
            case StoreUpdate.Local local:
                Note(command.Index, Change(local, command.Index, command.Wall));
                break;
            case StoreUpdate.Remote remote:
                Take(remote, command.Index);
                break;
            case StoreUpdate.Begin begin:
                Begin(begin);
                break;
            case StoreUpdate.Stage stage:
                if (stage.First)
                    _staged.Clear();
                _staged.AddRange(PartList.Decode(stage.States.Span));
                break;
            case StoreUpdate.Join join:
                Join(join, command.Index);
                break;
            case StoreUpdate.Stable stable:
                Collect(stable.Vector, stable.Known);
                break;
            case StoreUpdate.Limits limits:
                _limits = limits;
                break;
            case StoreUpdate.Rebuilt:
                _isRebuilding = false;
                break;
        }

        return default;
    }

    /// <summary>A digest of all values: equal on two replicas once they have the same.</summary>
    public UInt128 Root()
    {
        using var frozen = new FrozenStore(_values.Freeze(), new Dictionary<CrdtKey, ReadOnlyMemory<byte>>(), _options.MerkleDepth, _vector, _stable);
        while (!frozen.IsHashed)
            frozen.Hash(int.MaxValue, long.MaxValue);
        return frozen.Tree.Root;
    }

    /// <summary>A value as it is, encoded; null: there is none.</summary>
    internal byte[]? StateOf(in CrdtKey key) => _values.Contains(key) ? ValueType.Of(key.Type).Encode(_values.Get(key, out _)) : null;

    private void Note(long index, (Dot Unit, byte[] Answer) outcome)
    {
        _outcomes.Add(new Outcome(index, outcome.Unit, outcome.Answer));
        // As many as may be waited for: what was applied in one step is asked for after all of it.
        while (_outcomes.Count > _options.MaxPendingRequests)
            _outcomes.RemoveFirst();
    }

    private void Begin(StoreUpdate.Begin begin)
    {
        if (begin.Anew)
        {
            Clear();
            _isRebuilding = true;
        }

        _source = begin.Source;
    }

    private void Take(StoreUpdate.Remote remote, long index)
    {
        UpdateUnit unit = UpdateUnit.Decode(remote.Unit.Span);
        Invariant.That(unit.Number == _vector[remote.Source] + 1, "a unit is applied after the one before it of its source, once");
        Invariant.That(_vector.Descends(unit.After), "a unit is applied after all that it depends on");
        if (!unit.Stable.IsEmpty)
            Collect(unit.Stable, VersionVector.Empty);
        Applied(new Dot(remote.Source, unit.Number), remote.Unit.ToArray(), unit.Id);
        var by = new Dot(remote.Source, unit.Number);
        // All parts, or none that anybody could see in between: queries come between two entries.
        foreach ((CrdtKey key, ReadOnlyMemory<byte> delta) in unit.Parts)
            Merge(key, delta, by, index);
    }

    private void Merge(in CrdtKey key, ReadOnlyMemory<byte> delta, Dot by, long index)
    {
        object value = _values.Get(key, out _);
        try
        {
            ValueType.Of(key.Type).Merge(value, delta.Span);
        }
        catch (InvalidDataException)
        {
            // It is so for every replica: none has it, and all go on.
            _unreadable++;
            return;
        }

        Changed(key, value, index, delta.Length);
        AddTag(key, by, delta.Span);
    }

    private void Applied(Dot unit, ReadOnlyMemory<byte> bytes, Guid id)
    {
        _vector = _vector.With(unit);
        _units.Add(unit.Source, unit.Counter, bytes);
        _latest[unit.Source.Replica] = unit.Source;
        if (id == Guid.Empty || !_recent.TryAdd(id, unit))
            return;
        _recentOrder.Enqueue(id);
        if (_recentOrder.Count > MostRecent)
            _recent.Remove(_recentOrder.Dequeue());
    }

    private void Join(StoreUpdate.Join join, long index)
    {
        foreach (Dot last in Vectors.Beyond(join.Vector, _vector).Last)
        {
            _units.SkipTo(last.Source, last.Counter);
            _latest.TryAdd(last.Source.Replica, last.Source);
        }

        _vector = _vector.Merge(join.Vector);
        var assembler = new ValueAssembler();
        foreach (ValuePart part in _staged)
            Join(assembler, part, index);
        _staged.Clear();
        Collect(join.Collected, VersionVector.Empty, isBroughtOver: true);
    }

    private void Join(ValueAssembler assembler, in ValuePart part, long index)
    {
        try
        {
            if (assembler.Add(part) is not var (key, state, tags))
                return;
            object value = _values.Get(key, out _);
            ValueType.Of(key.Type).MergeWhole(value, state.Span);
            Changed(key, value, index, state.Length);
            foreach (Tag tag in tags)
                AddTag(key, tag);
        }
        catch (InvalidDataException)
        {
            _unreadable++;
        }
    }

    private void Changed(in CrdtKey key, object value, long index, int grown)
    {
        _values.Put(key, value, index, grown);
        _feed.Add(index, key);
    }

    private void AddTag(in CrdtKey key, Dot by, ReadOnlySpan<byte> delta)
    {
        ValueType type = ValueType.Of(key.Type);
        if (type.HasTags)
            AddTag(key, type.TagOf(by, delta));
    }

    private void AddTag(in CrdtKey key, in Tag tag)
    {
        if (!ValueType.Of(key.Type).HasTags)
            return;
        if (!_tagged.TryGetValue(key, out TagList? tags))
            _tagged[key] = tags = new TagList();
        int before = tags.Bytes;
        tags.Add(tag);
        _tags++;
        _tagBytes += tags.Bytes - before;
    }

    /// <summary>
    /// Lets go of what every member has. What that is follows from the vector alone, and whoever applies an update of this replica does the same before: a removal that is let go of
    /// here is not named by what is changed here later, and must not hide it there.
    /// </summary>
    private void Collect(VersionVector stable, VersionVector known, bool isBroughtOver = false)
    {
        Invariant.That(_vector.Descends(stable), "what is stable is here too");
        // Each source tells of it for itself, and most of it again.
        if (!isBroughtOver && _stable.Descends(stable) && _known.Descends(known))
            return;
        // What is brought over may have settled less than this replica had.
        VersionVector stableBefore = isBroughtOver ? VersionVector.Empty : _stable;
        (_stable, _known) = (_stable.Merge(stable), _known.Merge(known));
        _units.Forget(_stable);
        foreach ((CrdtKey key, TagList tags) in _tagged.ToArray())
        {
            ValueType type = ValueType.Of(key.Type);
            bool isNew = type.IsSequence && tags.IsNew(stableBefore, _stable);
            int before = tags.Bytes, collected = tags.Forget(type.IsSequence ? _known : _stable);
            if (collected == 0 && !isNew)
                continue;
            _tags -= collected;
            _tagBytes -= before - tags.Bytes;
            object value = _values.Get(key, out long version);
            type.Stabilize(value, tags.All, _stable);
            _values.Put(key, value, version, type.GrownBySettling(value));
            if (tags.Count == 0)
                _tagged.Remove(key);
        }
    }

    private void Clear()
    {
        _values.Clear();
        _units.Clear();
        _staged.Clear();
        _tagged.Clear();
        (_tags, _tagBytes) = (0, 0);
        _recent.Clear();
        _recentOrder.Clear();
        _latest.Clear();
        foreach (ReplicaId peer in _frozen.Keys.ToArray())
            Thaw(peer);
        (_vector, _told, _stable, _toldStable, _known) = (VersionVector.Empty, VersionVector.Empty, VersionVector.Empty, VersionVector.Empty, VersionVector.Empty);
        _feed.Restart(_feed.Position + 1);
    }
}
