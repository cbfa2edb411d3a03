namespace ActorRepl.Hosting.Tests.Processes;

/// <summary>Tests that start processes run one after the other: they share the machine's cores.</summary>
[CollectionDefinition(nameof(Processes), DisableParallelization = true)]
public sealed class Processes;
