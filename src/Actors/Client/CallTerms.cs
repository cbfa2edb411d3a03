using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Client;

/// <summary>How a call is to be treated, its options checked.</summary>
internal readonly record struct CallTerms(RequestKind Kind, int TimeoutMillis)
{
    public int MaxStalenessMillis { get; init; }
    public ReadFrom From { get; init; }
    public LogPosition AtLeast { get; init; }
    public WriteConcern Concern { get; init; }
    public ConsistencyLevel Level { get; init; }

    /// <summary>Is told where the history stood that the result was taken from, before the caller has it; null: nobody wants to know.</summary>
    public IWitness? Witness { get; init; }
}

/// <summary>Remembers what a session has seen. Called on any thread.</summary>
internal interface IWitness
{
    void Saw(LogPosition position);
}
