namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// A machine whose commands say which keys they touch: those that have no key in common may be applied by several threads at
/// once, as long as what they do, and what they return, is the same in whatever order they come. Commands that share a key,
/// directly or through others, are applied in the order of the log.
/// </summary>
public interface IKeyedStateMachine : IStateMachine
{
    /// <summary>
    /// Names every key that the command may read or change; one that is left out is a bug that makes replicas differ. False: it
    /// is not known, or it is all of them, and the command is applied by itself. Changes nothing.
    /// </summary>
    bool TryFindKeys(ReadOnlyMemory<byte> command, CommandKeys keys);

    /// <summary>
    /// From now until <see cref="EndTogether"/>, <see cref="IStateMachine.Apply"/> is called by several threads at once, for
    /// commands that named their keys. False: not these, because they could meet in something that is no key, such as a limit of the whole.
    /// </summary>
    /// <param name="commands">How many.</param>
    /// <param name="growthBytes">What all of them may add: the sum of <see cref="CommandKeys.MostGrowthBytes"/>.</param>
    bool BeginTogether(int commands, long growthBytes);

    /// <summary>All of them are applied, and seen by who calls this.</summary>
    void EndTogether();
}

/// <summary>A machine that takes many commands in one call.</summary>
public interface IBatchStateMachine : IStateMachine
{
    /// <summary>With fewer commands than this, nothing is gained over one call for each.</summary>
    int LeastBatch { get; }

    /// <summary>The same state and the same results as <see cref="IStateMachine.Apply"/> of each, in order.</summary>
    void ApplyAll(ReadOnlySpan<AppliedCommand> commands, Span<ReadOnlyMemory<byte>> results);
}
