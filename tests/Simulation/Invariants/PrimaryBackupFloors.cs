using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.Invariants;

internal static class PrimaryBackupFloors
{
    public static readonly Dictionary<CoverageItem, long> PerThousandSeeds = new()
    {
        [CoverageItem.EntriesCommitted] = 30_000,
    };
}
