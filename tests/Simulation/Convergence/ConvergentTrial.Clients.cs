using System.Text;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Convergence;

/// <summary>What clients do.</summary>
internal sealed partial class ConvergentTrial
{
    private void Think()
    {
        if (!_healing)
            _world.After(1 + Random.Next(40 * Instant.Millisecond), Act);
    }

    private void Act()
    {
        if (_healing)
            return;
        _busy++;
        switch (Random.Next(12))
        {
            case 0 or 1:
                ReadPair();
                break;
            case 2 or 3:
                Add();
                break;
            case 4:
                Remove();
                break;
            case 5:
                Increment();
                break;
            case 6 or 7:
                Type();
                break;
            case 8:
                Take();
                break;
            case 9:
                Watch();
                break;
            case 10:
                TypeIfUnchanged();
                break;
            default:
                Scribble();
                break;
        }
    }

    private void Done()
    {
        _busy--;
        Think();
    }

    private long Patience() => (20 + Random.Next(300)) * Instant.Millisecond;

    /// <summary>What no single lost disk takes back is asked for more often than not.</summary>
    private ConsistencyLevel Level(out bool isSafe)
    {
        ConsistencyLevel level = Random.Next(5) switch { 0 => ConsistencyLevel.One, 1 => ConsistencyLevel.All, _ => ConsistencyLevel.Quorum };
        isSafe = level != ConsistencyLevel.One || _profile is "network" or "crashes" or "absences" or "leaving";
        return level;
    }

    private void Submit(CrdtUpdate update, Action<CrdtResult?> ended) => Submit(AnyMember().Id, update, ended);

    private void Submit(ReplicaId at, CrdtUpdate update, Action<CrdtResult?> ended)
    {
        _world.Submit(at.Value, RequestKind.Command, update.ToBytes(), Patience(), outcome =>
        {
            if (outcome.Reply is null && outcome.Why!.Value is { Reason: RejectReason.Invalid } wrong && !wrong.Detail!.Contains("rights", StringComparison.Ordinal)
                && !wrong.Detail.Contains("beyond the end", StringComparison.Ordinal))
                throw new ConvergentRuleBrokenException("requests", $"a right request was refused: {wrong.Detail}");
            Count(outcome.Reply is null ? $"updates refused: {outcome.Why!.Value.Reason}" : "updates");
            ended(outcome.Reply is null ? null : CrdtResult.Decode(outcome.Reply));
            Done();
        });
    }

    private void ReadPair()
    {
        bool isWeak = Random.Chance(1, 3);
        (IReadOnlyList<ClientElement>, IReadOnlyList<ClientElement>) certain = isWeak ? ([], []) : _rules.Common();
        ConvergentNode node = AnyMember();
        var read = new CrdtRead([new CrdtQuery.Whole(First), new CrdtQuery.Whole(Second)], isWeak ? ConsistencyLevel.One : ConsistencyLevel.Quorum);
        _world.Submit(node.Id.Value, RequestKind.Read, read.ToBytes(), Patience(), outcome =>
        {
            if (outcome.Reply is { } reply)
            {
                Count(isWeak ? "weak reads" : "quorum reads");
                IReadOnlyList<CrdtView> views = CrdtAnswer.Decode(reply).Views;
                HashSet<string> first = Names(views[0]);
                _rules.Pair($"a read at {node.Id}", first, Names(views[1]));
                _rules.MustHold($"a read at {node.Id}", first, certain);
            }
            else
            {
                Count($"reads refused: {outcome.Why!.Value.Reason}");
            }

            Done();
        });
    }

    private void Add()
    {
        ClientElement element = _rules.Adds($"e{++_names}");
        byte[] name = Encoding.UTF8.GetBytes(element.Name);
        var update = new CrdtUpdate([(First, new CrdtOperation.Insert(name)), (Second, new CrdtOperation.Insert(name))], Level: Level(out bool isSafe));
        Submit(update, result =>
        {
            element.IsAdded |= result is not null && isSafe;
            element.IsCommon |= result is not null && update.Level != ConsistencyLevel.One;
        });
    }

    private void Remove()
    {
        ClientElement[] there = [.. _rules.All.Where(element => element is { IsAdded: true, IsRemoved: false })];
        if (there.Length == 0)
        {
            Done();
            return;
        }

        ClientElement element = there[Random.Next(there.Length)];
        element.MayBeRemoved = true;
        byte[] name = Encoding.UTF8.GetBytes(element.Name);
        var update = new CrdtUpdate([(First, new CrdtOperation.Remove(name)), (Second, new CrdtOperation.Remove(name))], Level: Level(out bool isSafe));
        Submit(update, result =>
        {
            bool isRemoved = result is { Values: [1, 1] };
            element.IsRemoved |= isRemoved && isSafe;
            element.IsRemovedCommonly |= isRemoved && update.Level != ConsistencyLevel.One;
        });
    }

    private void Increment()
    {
        long amount = 1 + Random.Next(5);
        _rules.MayBeCounted += amount;
        Submit(new CrdtUpdate(Counter, new CrdtOperation.Add(amount), level: Level(out bool isSafe)), result =>
        {
            if (result is null || !isSafe)
                return;
            _rules.Counted += amount;
            _rules.MayBeCounted -= amount;
        });
    }

    private void Type()
    {
        char letter = (char)_letters++;
        _rules.AllLetters.Add(letter);
        // Some index that there may be: others type too.
        int index = Random.Chance(1, 2) ? 0 : (int)Random.Next(1 + _rules.Letters.Count);
        var update = new CrdtUpdate([(Typed, new CrdtOperation.InsertText(index, $"{letter}")), (Last, new CrdtOperation.Write(Encoding.UTF8.GetBytes($"{letter}")))], Level: Level(out bool isSafe));
        Submit(update, result =>
        {
            if (result is not null && isSafe)
                _rules.Letters.Add(letter);
        });
    }

    // Somebody who shows a text types where it says, if it is still what is shown.
    private void TypeIfUnchanged()
    {
        ConvergentNode node = AnyMember();
        _world.Submit(node.Id.Value, RequestKind.Read, new CrdtRead(new CrdtQuery.Count(Typed), ConsistencyLevel.One).ToBytes(), Patience(), outcome =>
        {
            if (outcome.Reply is not { } reply)
            {
                Done();
                return;
            }

            CrdtAnswer seen = CrdtAnswer.Decode(reply);
            long length = ((CrdtData.Number)seen.Views[0].Data).Value;
            char letter = (char)_letters++;
            _rules.AllLetters.Add(letter);
            var update = new CrdtUpdate([(Typed, new CrdtOperation.InsertText((int)Random.Next(length + 1), $"{letter}"))], Level: Level(out bool isSafe))
            {
                Unchanged = [new CrdtCondition(Typed, seen.Feed, seen.Views[0].Version)],
            };
            Submit(node.Id, update, result =>
            {
                if (result is null)
                    return;
                Count(result.Applied ? "conditional updates" : "conditional updates not done");
                if (result.Applied && result.Values[0] != length + 1)
                    throw new ConvergentRuleBrokenException("conditions", $"{node.Id} has typed into a text of {result.Values[0] - 1} units that had to be one of {length} still");
                if (result.Applied && isSafe)
                    _rules.Letters.Add(letter);
            });
        });
    }

    // What a feed does not name has not changed.
    private void Watch()
    {
        ConvergentNode node = AnyMember();
        Seen? before = _seen.GetValueOrDefault(node.Id);
        CrdtKey[] watched = [Counter, Typed, Fields];
        var read = new CrdtRead([new CrdtQuery.Changes(before?.Feed ?? 0, before?.UpTo ?? 0, 1_000), .. watched.Select(key => new CrdtQuery.Whole(key))], ConsistencyLevel.One);
        _world.Submit(node.Id.Value, RequestKind.Read, read.ToBytes(), Patience(), outcome =>
        {
            if (outcome.Reply is { } reply)
            {
                CrdtAnswer answer = CrdtAnswer.Decode(reply);
                var changes = (CrdtData.Changes)answer.Views[0].Data;
                byte[][] values = [.. answer.Views.Skip(1).Select(view => new CrdtAnswer(1, 0, [new CrdtView(0, view.Data)]).ToBytes())];
                Count(changes.All ? "feeds lost" : "feeds read");
                // Another may have asked meanwhile.
                for (int i = 0; before is not null && !changes.All && i < watched.Length; i++)
                {
                    if (!changes.List.Contains(watched[i]) && !before.Values[i].AsSpan().SequenceEqual(values[i]))
                        throw new ConvergentRuleBrokenException("feeds", $"{node.Id} has changed {watched[i]} since {before.UpTo} and does not say so");
                }

                _seen[node.Id] = new Seen(answer.Feed, changes.UpTo, values);
            }

            Done();
        });
    }

    private readonly Dictionary<ReplicaId, Seen> _seen = [];

    private sealed record Seen(long Feed, long UpTo, byte[][] Values);

    private void Take()
    {
        CrdtOperation operation = Random.Next(4) switch
        {
            0 => new CrdtOperation.Add(1 + Random.Next(10)),
            1 => new CrdtOperation.Transfer(AnyMember().Id, 1),
            _ => new CrdtOperation.Add(-1 - Random.Next(5)),
        };
        if (operation is CrdtOperation.Transfer)
            Count("transfers");
        long amount = operation is CrdtOperation.Add { Amount: var given } ? given : 0;
        _rules.MostStocked += Math.Max(amount, 0);
        _rules.MostTaken += Math.Max(-amount, 0);
        // Refused or not, all of it.
        ConsistencyLevel level = Level(out bool isSafe);
        var update = Random.Chance(1, 3)
            ? new CrdtUpdate([(Scratch, new CrdtOperation.InsertText(0, "?")), (Stock, operation)], Level: level)
            : new CrdtUpdate(Stock, operation, level: level);
        Submit(update, result =>
        {
            if (result is null || !isSafe)
                return;
            _rules.Stocked += Math.Max(amount, 0);
            _rules.Taken += Math.Max(-amount, 0);
        });
    }

    private void Scribble()
    {
        byte[] field = Encoding.UTF8.GetBytes($"f{Random.Next(3)}");
        byte[] value = Encoding.UTF8.GetBytes($"v{Random.Next(5)}");
        (CrdtKey Key, CrdtOperation Operation) change = Random.Next(13) switch
        {
            0 => (Fields, new CrdtOperation.Field(field, StoreKind.Counter, new CrdtOperation.Add(1 + Random.Next(3)))),
            1 => (Fields, new CrdtOperation.Field(field, StoreKind.OrSet, new CrdtOperation.Insert(value))),
            2 => (Fields, new CrdtOperation.RemoveField(field, Random.Chance(1, 2) ? StoreKind.Counter : StoreKind.OrSet)),
            3 => (Entries, new CrdtOperation.Field(field, StoreKind.MvRegister, new CrdtOperation.Write(value))),
            4 => (Entries, new CrdtOperation.Field(field, StoreKind.Counter, new CrdtOperation.Add(1))),
            5 => (Entries, new CrdtOperation.RemoveField(field, StoreKind.MvRegister)),
            6 or 7 => (Scratch, new CrdtOperation.InsertText((int)Random.Next(4), new string((char)('a' + Random.Next(26)), 1 + (int)Random.Next(30)))),
            8 or 9 => (Scratch, new CrdtOperation.DeleteRange((int)Random.Next(4), (int)Random.Next(20))),
            10 => (Items, new CrdtOperation.InsertItems((int)Random.Next(3), [value, field])),
            11 => (Items, new CrdtOperation.DeleteRange((int)Random.Next(2), 1 + (int)Random.Next(3))),
            _ => (Random.Chance(1, 2) ? Items : Scratch, new CrdtOperation.Clear()),
        };
        Submit(new CrdtUpdate(change.Key, change.Operation, level: Level(out _)), _ => { });
    }
}
