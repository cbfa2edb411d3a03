using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Invariants;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Run;

/// <summary>What to run. <see cref="Profile"/> null: each seed draws one.</summary>
internal sealed record RunOptions
{
    public required ISimulatedProtocol Protocol { get; init; }
    public Profile? Profile { get; init; }
    public int? Nodes { get; init; }
    public long Steps { get; init; } = 2_500;
}

/// <summary>How a seed ended; <see cref="Rule"/> is the one that was broken, null if none.</summary>
internal sealed record SeedResult(ulong Seed, string Profile, int Nodes, long Steps, ulong Hash, Coverage Coverage, string? Rule, string? Detail);

/// <summary>Runs one seed from its beginning to its verdict.</summary>
internal static class SeedRun
{
    public static SeedResult Run(RunOptions options, ulong seed, Trace? trace = null)
    {
        Profile profile = options.Profile ?? Profiles.Draw(options.Protocol.Profiles, new DeterministicRandom(~seed));
        profile = profile with { Nodes = options.Nodes ?? profile.Nodes };
        var world = new SimulatedWorld(options.Protocol, seed, profile, trace);
        string? rule = null, detail = null;
        try
        {
            world.Run(options.Steps);
        }
        catch (RuleBrokenException broken)
        {
            (rule, detail) = (broken.Rule, broken.Message);
        }
        catch (InvariantViolationException violated)
        {
            (rule, detail) = ("assertion", violated.ToString());
        }
        catch (Exception problem) when (problem is not OutOfMemoryException)
        {
            (rule, detail) = ("exception", problem.ToString());
        }

        if (rule is not null)
            trace?.Write(world.Time, "", $"{rule}: {detail}");
        return new SeedResult(seed, profile.Name, profile.Nodes, world.Steps, world.Hash, world.Coverage, rule, detail);
    }
}
