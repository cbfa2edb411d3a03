namespace ActorRepl.Protocols.Machines;

/// <summary>
/// How a replica applies commands of an <see cref="Kernel.IKeyedStateMachine"/>. Decides nothing but time: replicas may differ.
/// </summary>
public sealed record ApplyOptions
{
    private const int MostByDefault = 8;

    /// <summary>Everything is applied by the replica's own thread.</summary>
    public static ApplyOptions OneByOne { get; } = new() { Lanes = 1 };

    /// <summary>Threads that apply one batch, the replica's own among them; 0: one for each processor, at most 8.</summary>
    public int Lanes { get; init; }

    /// <summary>With fewer commands than this, the replica's own thread applies them all: handing them out costs more than it brings.</summary>
    public int ParallelFrom { get; init; } = 256;

    /// <summary>
    /// What would be done by several threads is done by one, the last group first, an order that threads could have come to:
    /// for simulations.
    /// </summary>
    internal bool OnOneThread { get; init; }

    internal int EffectiveLanes => Lanes > 0 ? Lanes : Math.Min(Environment.ProcessorCount, MostByDefault);
}
