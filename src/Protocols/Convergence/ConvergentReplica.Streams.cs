using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// Updates on their way: each member sends its own to all others, in order, so many bytes ahead of what they acknowledge; what a source cannot bring is asked of whoever has it.
/// </summary>
public sealed partial class ConvergentReplica
{
    private const int LoudTicks = 3;
    private const int QuietTicks = 8;

    // Those that came before what they depend on.
    private readonly SortedDictionary<VersionSource, SortedDictionary<long, HeldUnit>> _held = [];

    // Since when others are seen to have more of a source.
    private readonly SortedDictionary<VersionSource, long> _ahead = [];

    private int _quietTicks;
    private long _collectAt;

    private readonly record struct HeldUnit(VersionVector After, VersionVector Stable, ReadOnlyMemory<byte> Bytes);

    private void Receive(ReplicaId from, ConvergentMessage message, in Instant now, Effects effects)
    {
        // One who is no member, or of whom it is not known yet, asks again.
        if (!_peers.TryGetValue(from, out Peer? peer) || !_isSettled)
            return;
        try
        {
            switch (message)
            {
                case Beat beat:
                    TakeBeat(peer, beat, now, effects);
                    break;
                case Units units:
                    TakeUnits(peer, units, now, effects);
                    break;
                case Want want:
                    Lookup(new StoreQuery.Units(want.Source, want.From, _options.MaxMessageBytes), new Awaited.Wanted(from, want.Source, want.From), effects);
                    break;
                case AskVector ask:
                    if (!IsRebuilding)
                        effects.Send(from, new VectorAnswer(ask.Token, _vector));
                    break;
                case VectorAnswer answer:
                    TakeVector(from, answer, effects);
                    break;
                default:
                    ReceiveComparison(from, message, now, effects);
                    break;
            }
        }
        catch (InvalidDataException nonsense)
        {
            if (_nonsense++ == 0)
                effects.Add(new Effect.Report($"{from} sends what cannot be read: {nonsense.Message}"));
        }
    }

    // ---- beats ----

    private void SendBeat(ReplicaId to, Effects effects)
    {
        // Until the store stands there is nothing to say.
        if (_isSettled && _appliedIndex >= _beginIndex && _peers.TryGetValue(to, out Peer? peer))
            effects.Send(to, new Beat(EpochThatHolds, _source, peer.Source.Generation, _storeIsRebuilding, _vector, _floors, _stable));
    }

    // Updates that were taken before this replica heard that it is not counted are on their way to the disk: until then it speaks as under the view before.
    private long EpochThatHolds => _members.Voters.Contains(Self) || _pending.Count == 0 ? _epoch : Math.Max(0, _epoch - 1);

    private void TakeBeat(Peer peer, Beat beat, in Instant now, Effects effects)
    {
        if (beat.Source.Replica != peer.Id)
            throw new InvalidDataException($"{peer.Id} says that it is {beat.Source.Replica}");
        if (beat.Vector[_source] > _vector[_source] && _appliedIndex >= _beginIndex)
        {
            // Nothing is sent before it is durable and applied here.
            BeginAnew($"{peer.Id} has {beat.Vector[_source]} updates of this replica, which knows of {_vector[_source]}: its disk is an older one", now, effects);
            return;
        }

        bool isNew = beat.Source != peer.Source || !beat.Vector.Equals(peer.Vector);
        peer.Heard(beat, _source, now);
        // It may take long to make a large shard ready to be compared; whoever speaks has not forgotten.
        if (_comparison is { Lanes: null } waiting && waiting.Peer == peer.Id)
            waiting.GiveUpAt = now.Monotonic + _options.PatienceMicros;
        if (beat.Epoch == _epoch && !beat.IsRebuilding)
            peer.Says(beat.Vector, beat.Stable);
        peer.Arrived(_vector, IsComplete);
        if (_storeIsRebuilding && beat.You == _source.Generation)
            peer.Owed ??= beat.Vector;
        if (isNew)
        {
            _quietTicks = 0;
            AnswerUpdates(effects);
        }

        FinishRebuilding(effects);
        GoOnWithChange(now, effects);
        Pump(effects);
    }

    /// <summary>
    /// All that a peer had done until it said this has arrived here, under whatever source, and all it had of those who are no members any more. Whatever comes from it later
    /// knows of what it says that it has.
    /// </summary>
    private bool IsComplete(ReplicaId peer, VersionVector says, VersionVector here) =>
        says.Last.All(last => here[last.Source] >= last.Counter || (last.Source.Replica != peer && _members.Members.Contains(last.Source.Replica)));

    // ---- sending ----

    /// <summary>Asks the store for what comes next, for every peer that has room for it.</summary>
    private void Pump(Effects effects)
    {
        if (_appliedIndex < _beginIndex)
            return;
        long last = _vector[_source];
        foreach (IGrouping<long, Peer> same in _peers.Values
            .Where(peer => peer.IsHeardOf && !peer.IsAwaited && !peer.IsBehind && peer.Sent < last && peer.BytesInFlight < _options.WindowBytes).GroupBy(peer => peer.Sent))
        {
            ReplicaId[] to = [.. same.Select(peer => peer.Id)];
            foreach (Peer peer in same)
                peer.IsAwaited = true;
            Lookup(new StoreQuery.Units(_source, same.Key + 1, _options.MaxMessageBytes), new Awaited.Stream(same.Key, to), effects);
        }
    }

    private void Stream(Awaited.Stream stream, ReadOnlyMemory<byte> list, in Instant now, Effects effects)
    {
        int count = UnitList.Decode(list).Length;
        foreach (ReplicaId id in stream.To)
        {
            if (!_peers.TryGetValue(id, out Peer? peer))
                continue;
            peer.IsAwaited = false;
            // It has acknowledged more meanwhile, or has started again.
            if (peer.Sent != stream.From)
                continue;
            if (count == 0)
            {
                // What it lacks is not kept any more: it sees that from the floors.
                peer.IsBehind = true;
                continue;
            }

            peer.Send(stream.From + count, list.Length, now);
            effects.Send(id, new Units(_source, list));
        }

        Pump(effects);
    }

    private void SendWanted(Awaited.Wanted wanted, ReadOnlyMemory<byte> list, in Instant now, Effects effects)
    {
        int count = UnitList.Decode(list).Length;
        if (count == 0 || !_peers.TryGetValue(wanted.By, out Peer? peer))
        {
            // The floors say why.
            _beatTo.Add(wanted.By);
            return;
        }

        effects.Send(wanted.By, new Units(wanted.Source, list));
        if (wanted.Source != _source)
            return;
        peer.Resume(wanted.From - 1, now);
        peer.Send(wanted.From - 1 + count, list.Length, now);
        Pump(effects);
    }

    // ---- taking ----

    private void TakeUnits(Peer from, Units units, in Instant now, Effects effects)
    {
        // One that has nothing begins with what another has settled, and not with updates.
        if (units.Source == _source || (_storeIsRebuilding && _taken.IsEmpty))
            return;
        // A source that no member has spoken of is nobody's.
        if (_taken[units.Source] == 0 && (_taken.Last.Count >= VersionVector.MaxSources - 8 || !_peers.Values.Any(peer => peer.Source == units.Source || peer.Vector[units.Source] > 0)))
            return;
        (long Number, HeldUnit Unit)[] list = [.. UnitList.Decode(units.List).Select(bytes =>
        {
            UpdateUnit unit = UpdateUnit.Decode(bytes.Span);
            return (unit.Number, new HeldUnit(unit.After, unit.Stable, bytes));
        })];
        bool isOld = true;
        long before = _taken[units.Source];
        foreach ((long number, HeldUnit unit) in list)
        {
            if (number <= _taken[units.Source])
                continue;
            isOld = false;
            if (!_held.TryGetValue(units.Source, out SortedDictionary<long, HeldUnit>? held))
                _held[units.Source] = held = [];
            if (number == _taken[units.Source] + 1 || held.Count < _options.MaxHeldUnits)
                held.TryAdd(number, unit);
            // What can be taken is not held: a message may bring more than are.
            if (number == _taken[units.Source] + 1)
                TakeHeld(units.Source, held);
        }

        TakeHeld();
        // It is told when this is durable; what it sends once more, at once.
        if (isOld)
            _beatTo.Add(from.Id);
        else
            _beatWhenApplied.Add(from.Id);
        // Who brings another's updates sends what it is asked for: the next ones, while there are some.
        long next = _taken[units.Source] + 1;
        if (next == before + 1 || units.Source.Replica == from.Id || from.Vector[units.Source] < next || from.Floors[units.Source] >= next)
            return;
        _ahead[units.Source] = now.Monotonic;
        effects.Send(from.Id, new Want(units.Source, next));
    }

    /// <summary>Takes whatever is next of its source and depends on nothing that is missing; one may be what another waited for.</summary>
    private void TakeHeld()
    {
        bool goesOn = true;
        while (goesOn)
        {
            goesOn = false;
            foreach ((VersionSource source, SortedDictionary<long, HeldUnit> held) in _held)
                goesOn |= TakeHeld(source, held);
        }

        foreach (VersionSource empty in _held.Where(each => each.Value.Count == 0).Select(each => each.Key).ToArray())
            _held.Remove(empty);
    }

    private bool TakeHeld(VersionSource source, SortedDictionary<long, HeldUnit> held)
    {
        bool tookAny = false;
        while (held.Count > 0)
        {
            (long number, HeldUnit unit) = held.First();
            long next = _taken[source] + 1;
            if (number > next || (number == next && !(_taken.Descends(unit.After) && _taken.Descends(unit.Stable))))
                break;
            held.Remove(number);
            if (number < next)
                continue;
            Update(new StoreUpdate.Remote(source, unit.Bytes));
            _taken = _taken.With(new Dot(source, number));
            tookAny = true;
        }

        return tookAny;
    }

    // ---- from time to time ----

    private void LookAround(in Instant now, Effects effects)
    {
        _lookedAt = now.Monotonic;
        Expire(now, effects);
        GoOnWithChange(now, effects);
        LookAtComparison(now, effects);
        if (!_isSettled || _appliedIndex < _beginIndex)
            return;
        foreach (Peer peer in _peers.Values)
        {
            if (peer.BytesInFlight > 0 && now.Monotonic - peer.MovedAt >= _options.ResendMicros)
                peer.Resume(peer.Vector[_source], now);
        }

        LookForWhatIsMissing(now, effects);
        CollectIfDue(now);
        Pump(effects);
        bool isEven = _peers.Values.All(peer => peer.IsHeardOf && peer.Vector.Equals(_vector));
        _quietTicks = isEven && !_hasTags && !_storeIsRebuilding ? _quietTicks + 1 : 0;
        if (_quietTicks <= LoudTicks || _quietTicks % QuietTicks == 0)
            _beatTo.UnionWith(_peers.Keys);
    }

    /// <summary>What another has and does not come: asked of one that still has it, or, where nobody has, brought over with all else.</summary>
    private void LookForWhatIsMissing(in Instant now, Effects effects)
    {
        VersionVector known = _peers.Values.Aggregate(VersionVector.Empty, (all, peer) => all.Merge(peer.Vector));
        VersionVector missing = Vectors.Beyond(known, _taken);
        foreach (VersionSource source in _ahead.Keys.Where(source => missing[source] == 0).ToArray())
            _ahead.Remove(source);
        foreach (VersionSource source in missing.Last.Select(last => last.Source))
        {
            if (source == _source || !_ahead.TryGetValue(source, out long since))
            {
                _ahead[source] = now.Monotonic;
                continue;
            }

            long next = _taken[source] + 1;
            Peer[] ahead = [.. _peers.Values.Where(peer => peer.Vector[source] >= next)];
            Peer[] keeping = [.. ahead.Where(peer => peer.Floors[source] < next)];
            if (keeping.Length > 0 && now.Monotonic - since >= _options.RelayAfterMicros)
            {
                _ahead[source] = now.Monotonic;
                effects.Send(keeping[_random.Next(keeping.Length)].Id, new Want(source, next));
            }
            else if (keeping.Length == 0 && now.Monotonic - since >= _options.ResendMicros)
            {
                // What was sent before it was let go of has had the time to arrive.
                BeginComparison(ahead[_random.Next(ahead.Length)], now, effects);
            }
        }

        if (_storeIsRebuilding && _peers.Values.FirstOrDefault(peer => peer.Owed is { } owed && !_taken.Descends(owed)) is { } lender)
            BeginComparison(lender, now, effects);
    }

    private void CollectIfDue(in Instant now)
    {
        if (now.Monotonic < _collectAt || !_hasTags || _storeIsRebuilding || !_peers.Values.All(peer => peer.IsHeardOf))
            return;
        _collectAt = now.Monotonic + _options.CollectMicros;
        VersionVector stable = _peers.Values.Aggregate(_vector, (all, peer) => Vectors.Meet(all, peer.Seen));
        VersionVector known = _peers.Values.Aggregate(_stable, (all, peer) => Vectors.Meet(all, peer.Stable));
        if (_stable.Descends(stable) && _known.Descends(known))
            return;
        Update(new StoreUpdate.Stable(stable, known));
    }
}
