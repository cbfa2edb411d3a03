namespace ActorRepl.Protocols.Crdt;

/// <summary>A map whose fields hold stores of every kind, maps among them.</summary>
internal interface INestingMap<TMap>
{
    /// <summary>Changes what a key has, which is a new value where there is none; returns the delta.</summary>
    TMap Update<T>(Change change, Datum key, Func<T, Change, T> mutator) where T : DotStore, new();
}
