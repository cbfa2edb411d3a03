using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.Invariants;

internal static class ChainFloors
{
    public static readonly Dictionary<CoverageItem, long> PerThousandSeeds = [];
}
