using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

internal sealed class GrowCounterType : StateType<GCounter>
{
    protected override GCounter? Change(GCounter value, CrdtOperation operation, in Editor editor, out long result)
    {
        if (operation is not CrdtOperation.Add add)
            throw NotDone(operation);
        if (add.Amount < 0)
            throw new OperationRefusedException($"such a counter only grows: {add.Amount} cannot be added to it");
        GCounter? delta = add.Amount == 0 ? null : value.Increment(editor.Source, add.Amount);
        result = value.Value;
        return delta;
    }

    protected override CrdtData View(GCounter value) => new CrdtData.Number(value.Value);
}

internal sealed class CounterType : StateType<PNCounter>
{
    protected override PNCounter? Change(PNCounter value, CrdtOperation operation, in Editor editor, out long result)
    {
        long amount = operation switch
        {
            CrdtOperation.Add add => add.Amount,
            CrdtOperation.Reset => checked(-value.Value),
            _ => throw NotDone(operation),
        };
        PNCounter? delta = amount == 0 ? null : value.Add(editor.Source, amount);
        result = value.Value;
        return delta;
    }

    protected override CrdtData View(PNCounter value) => new CrdtData.Number(value.Value);
}

/// <summary>A replica's rights are those of its source; those of a generation that is gone are lost with its disk.</summary>
internal sealed class BoundedCounterType : StateType<BoundedCounter>
{
    protected override BoundedCounter? Change(BoundedCounter value, CrdtOperation operation, in Editor editor, out long result)
    {
        BoundedCounter? delta = operation switch
        {
            CrdtOperation.Add { Amount: 0 } => null,
            CrdtOperation.Add { Amount: > 0 } add => value.Increment(editor.Source, add.Amount),
            CrdtOperation.Add { Amount: var amount } => value.TryDecrement(editor.Source, checked(-amount)) ?? throw TooFew(value, editor.Source),
            CrdtOperation.Transfer transfer => value.TryTransfer(editor.Source, editor.SourceOf(transfer.To), transfer.Amount) ?? throw TooFew(value, editor.Source),
            _ => throw NotDone(operation),
        };
        result = value.Value;
        return delta;
    }

    protected override CrdtData View(BoundedCounter value) => new CrdtData.Number(value.Value);

    /// <summary>With what the replica that answers may take.</summary>
    public static CrdtData View(BoundedCounter value, VersionSource source) => new CrdtData.Number(value.Value, value.Rights(source));

    private static OperationRefusedException TooFew(BoundedCounter value, VersionSource source) =>
        new($"this replica has the rights to take {value.Rights(source)} of the {value.Value} that there are; another has to take it, or to transfer rights");
}

internal sealed class GrowSetType : StateType<GSet>
{
    public override bool MayRefuse(CrdtOperation operation) => operation is not CrdtOperation.Insert;

    protected override GSet? Change(GSet value, CrdtOperation operation, in Editor editor, out long result)
    {
        if (operation is not CrdtOperation.Insert insert)
            throw NotDone(operation);
        GSet delta = value.Add(new Datum(insert.Element.ToArray()));
        result = delta.Count;
        return delta.Count == 0 ? null : delta;
    }

    public override CrdtData Answer(object value, CrdtQuery query) => query switch
    {
        CrdtQuery.Contains contains => new CrdtData.Switch(((GSet)value).Contains(new Datum(contains.Element.ToArray()))),
        CrdtQuery.Count => new CrdtData.Number(((GSet)value).Count),
        _ => base.Answer(value, query),
    };

    protected override CrdtData View(GSet value) => Sorted(value.Elements);

    protected override long LeastBytes(object value, long enough) => BytesOf(((GSet)value).Elements, enough);

    protected override CrdtData PageOf(object value, CrdtQuery.Page page) => PageOf(((GSet)value).Elements, page);
}

internal sealed class TwoPhaseSetType : StateType<TwoPhaseSet>
{
    public override bool MayRefuse(CrdtOperation operation) => operation is not (CrdtOperation.Insert or CrdtOperation.Remove);

    protected override TwoPhaseSet? Change(TwoPhaseSet value, CrdtOperation operation, in Editor editor, out long result)
    {
        switch (operation)
        {
            case CrdtOperation.Insert insert:
                var element = new Datum(insert.Element.ToArray());
                result = value.Contains(element) ? 0 : 1;
                TwoPhaseSet delta = value.Add(element);
                // What was ever removed stays out.
                result = value.Contains(element) ? result : 0;
                return result == 0 ? null : delta;
            case CrdtOperation.Remove remove:
                TwoPhaseSet? removal = value.TryRemove(new Datum(remove.Element.ToArray()));
                result = removal is null ? 0 : 1;
                return removal;
            default:
                throw NotDone(operation);
        }
    }

    public override CrdtData Answer(object value, CrdtQuery query) => query switch
    {
        CrdtQuery.Contains contains => new CrdtData.Switch(((TwoPhaseSet)value).Contains(new Datum(contains.Element.ToArray()))),
        CrdtQuery.Count => new CrdtData.Number(((TwoPhaseSet)value).Elements.LongCount()),
        _ => base.Answer(value, query),
    };

    protected override CrdtData View(TwoPhaseSet value) => Sorted(value.Elements);

    protected override long LeastBytes(object value, long enough) => BytesOf(((TwoPhaseSet)value).Elements, enough);

    protected override CrdtData PageOf(object value, CrdtQuery.Page page) => PageOf(((TwoPhaseSet)value).Elements, page);
}
