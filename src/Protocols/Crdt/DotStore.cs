using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>The kind of a dot store, where it is encoded and in the keys of maps; never given another meaning.</summary>
public enum StoreKind : byte
{
    EnableWinsFlag = 1,
    DisableWinsFlag = 2,
    OrSet = 3,
    MvRegister = 4,
    LwwRegister = 5,
    Counter = 6,
    AddWinsMap = 7,
    RemoveWinsMap = 8,
}

/// <summary>
/// A value whose every part carries the dot of the change that made it (Almeida et al. 2018). It holds only what is visible: that something
/// was removed shows in a context that has its dot and a store that has not. So nothing removed leaves a tombstone. One store has no context of its own:
/// <see cref="Causal{T}"/> holds it for the store and all the stores in it.
/// </summary>
public abstract class DotStore
{
    private protected DotStore()
    {
    }

    public abstract StoreKind Kind { get; }

    /// <summary>There is no dot: the same as not being there.</summary>
    public abstract bool IsEmpty { get; }

    /// <summary>How deep maps lie here; 0: this is none.</summary>
    internal virtual int Depth => 0;

    /// <summary>Becomes the join of both (Almeida et al. 2018); the other is of the same kind.</summary>
    internal abstract void Join(DotStore other, CausalContext mine, CausalContext theirs);

    /// <summary>Adds every dot of the store to a context.</summary>
    internal abstract void CoverBy(CausalContext context);

    /// <summary>Lets go of what only changes that no replica will make any more could need; see <see cref="CausalStability"/>.</summary>
    internal virtual void Stabilize(CausalContext stable)
    {
    }

    internal abstract void Write(CrdtWriter writer);

    /// <summary>Fills an empty store.</summary>
    internal abstract void Fill(ref CrdtReader reader, int depth);

    internal DotStore NewEmpty() => Empty(Kind);

    internal static DotStore Empty(StoreKind kind) => kind switch
    {
        StoreKind.EnableWinsFlag => new EnableWinsFlag(),
        StoreKind.DisableWinsFlag => new DisableWinsFlag(),
        StoreKind.OrSet => new OrSet(),
        StoreKind.MvRegister => new MvRegister(),
        StoreKind.LwwRegister => new LwwRegister(),
        StoreKind.Counter => new CausalCounter(),
        StoreKind.AddWinsMap => new AddWinsMap(),
        StoreKind.RemoveWinsMap => new RemoveWinsMap(),
        _ => throw new InvalidDataException($"a value has kind {(byte)kind}; 1 to 8 are known"),
    };
}

/// <summary>What a change is made of while it is made: the dots it takes and those it covers.</summary>
public sealed class Change
{
    private readonly CausalContext _known;
    private readonly VersionSource _source;

    internal Change(CausalContext known, VersionSource source)
    {
        _known = known;
        _source = source;
    }

    /// <summary>The context of the delta: the dots that this change gives and removes.</summary>
    internal CausalContext Context { get; } = new();

    internal Dot NextDot()
    {
        var dot = new Dot(_source, Math.Max(_known.Last(_source), Context.Last(_source)) + 1);
        Context.Add(dot);
        return dot;
    }

    internal void Remove(Dots dots) => dots.CoverBy(Context);

    internal void Remove(DotStore store) => store.CoverBy(Context);
}
