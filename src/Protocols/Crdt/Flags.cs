namespace ActorRepl.Protocols.Crdt;

/// <summary>A dot store of dots alone.</summary>
public abstract class DotSetStore : DotStore
{
    private protected Dots Dots { get; set; }

    public override bool IsEmpty => Dots.IsEmpty;

    private protected void Replace(Change change, DotSetStore delta)
    {
        change.Remove(Dots);
        delta.Dots = new Dots(change.NextDot());
    }

    internal override void Join(DotStore other, CausalContext mine, CausalContext theirs) => Dots = Dots.Join(Dots, ((DotSetStore)other).Dots, mine, theirs);

    internal override void CoverBy(CausalContext context) => Dots.CoverBy(context);

    internal override void Write(CrdtWriter writer) => Dots.Write(writer);

    internal override void Fill(ref CrdtReader reader, int depth) => Dots = Dots.Read(ref reader);
}

/// <summary>Off at first; of an enabling and a disabling that knew nothing of each other, enabling wins (Almeida et al. 2018).</summary>
public sealed class EnableWinsFlag : DotSetStore
{
    public override StoreKind Kind => StoreKind.EnableWinsFlag;

    public bool IsEnabled => !IsEmpty;

    public EnableWinsFlag Enable(Change change)
    {
        var delta = new EnableWinsFlag();
        Replace(change, delta);
        return delta;
    }

    public EnableWinsFlag Disable(Change change)
    {
        change.Remove(this);
        return new EnableWinsFlag();
    }
}

/// <summary>On at first; of an enabling and a disabling that knew nothing of each other, disabling wins (Almeida et al. 2018).</summary>
public sealed class DisableWinsFlag : DotSetStore
{
    public override StoreKind Kind => StoreKind.DisableWinsFlag;

    public bool IsEnabled => IsEmpty;

    public DisableWinsFlag Disable(Change change)
    {
        var delta = new DisableWinsFlag();
        Replace(change, delta);
        return delta;
    }

    public DisableWinsFlag Enable(Change change)
    {
        change.Remove(this);
        return new DisableWinsFlag();
    }
}
