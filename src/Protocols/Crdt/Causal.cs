using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// A dot store and the context it is read in: the lattice <em>Causal⟨T⟩</em> of Almeida et al. 2018. A delta is one too, whose context has
/// only the dots that the change gave and removed.
/// <para>
/// A source never gives one dot to two changes. So a replica makes changes only after its whole state is recovered, and one that lost some of it goes on
/// under another generation.
/// </para>
/// </summary>
public sealed class Causal<T> : ICrdt<Causal<T>> where T : DotStore, new()
{
    public Causal()
        : this(new T(), new CausalContext())
    {
    }

    private Causal(T value, CausalContext context)
    {
        Value = value;
        Context = context;
    }

    static CrdtKind ICrdt<Causal<T>>.Kind => CrdtKind.Causal;

    public T Value { get; }

    /// <summary>Every change that is known.</summary>
    public CausalContext Context { get; }

    /// <summary>Makes one change, such as <c>(set, change) => set.Add(change, "x")</c>, and returns its delta.</summary>
    public Causal<T> Mutate(VersionSource source, Func<T, Change, T> mutator) => Mutate(source, mutator, _ => { });

    /// <summary>Likewise; what the delta is not allowed to be is thrown before anything is changed.</summary>
    internal Causal<T> Mutate(VersionSource source, Func<T, Change, T> mutator, Action<Causal<T>> check)
    {
        var change = new Change(Context, source);
        var delta = new Causal<T>(mutator(Value, change), change.Context);
        Invariant.That(!ReferenceEquals(delta.Value, Value), "a change returns its delta, never the value itself");
        if (delta.Value.Depth > CrdtLimits.MapDepth)
            throw new ArgumentException($"maps lie {delta.Value.Depth} deep; at most {CrdtLimits.MapDepth} are allowed", nameof(mutator));
        check(delta);
        Merge(delta);
        return delta;
    }

    public void Merge(Causal<T> other)
    {
        Value.Join(other.Value, Context, other.Context);
        Context.Join(other.Context);
    }

    /// <summary>Lets go of what is only kept for changes that may still arrive, given that none older than these dots will.</summary>
    public void Stabilize(CausalContext stable)
    {
        Invariant.That(Context.Includes(stable), "what is stable has been seen here");
        Value.Stabilize(stable);
    }

    public Causal<T> Copy()
    {
        var copy = new Causal<T>();
        copy.Merge(this);
        return copy;
    }

    /// <summary>kind of store (1), context, store.</summary>
    public void Write(CrdtWriter writer)
    {
        writer.Byte((byte)Value.Kind);
        Context.Write(writer);
        Value.Write(writer);
    }

    static Causal<T> ICrdt<Causal<T>>.Read(ref CrdtReader reader)
    {
        var read = new Causal<T>();
        var kind = (StoreKind)reader.Byte();
        if (kind != read.Value.Kind)
            throw reader.Wrong($"a value of kind {kind} is where a {read.Value.Kind} is wanted");
        CausalContext context = CausalContext.Read(ref reader);
        read.Value.Fill(ref reader, depth: 0);
        var dots = new CausalContext();
        read.Value.CoverBy(dots);
        if (!context.Includes(dots))
            throw reader.Wrong("a value has dots that its context has not");
        read.Context.Join(context);
        return read;
    }
}
