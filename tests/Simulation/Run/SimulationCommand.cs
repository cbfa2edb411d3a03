using System.CommandLine;
using System.Text.Json;
using ActorRepl.Simulation.Convergence;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Figure16;
using ActorRepl.Simulation.Invariants;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Simulation.Run;

/// <summary>The command line. Exit code 0: all held; 1: a rule was broken or something was not met; 2: usage.</summary>
internal static class SimulationCommand
{
    private const string Mixed = "mixed";
    private static readonly ISimulatedProtocol[] Protocols = [new SimulatedRaft(), new SimulatedPrimaryBackup(), new SimulatedChain()];

    // There is no leader and no common log: they have worlds and rules of their own.
    private static readonly LeaderlessRun[] Leaderless =
    [
        new(QuorumRun.Name, QuorumTrial.Profiles, QuorumRun.DefaultSteps, QuorumRun.Run), new(ConvergentRun.Name, ConvergentTrial.Profiles, ConvergentRun.DefaultSteps, ConvergentRun.Run),
    ];

    private sealed record LeaderlessRun(string Name, string[] Profiles, long DefaultSteps, Func<ulong, long, string?, long, int, bool, bool, TextWriter, int> Run)
    {
        public string ProfileNames => string.Join(", ", Profiles);
    }

    public static ISimulatedProtocol? FindProtocol(string name) => Array.Find(Protocols, protocol => protocol.Name == name);

    public static int Invoke(string[] arguments)
    {
        var protocol = new Option<string>("--protocol") { Description = $"the protocol: {string.Join(", ", Protocols.Select(item => item.Name).Concat(Leaderless.Select(item => item.Name)))}", DefaultValueFactory = _ => "raft" };
        protocol.AcceptOnlyFromAmong([.. Protocols.Select(item => item.Name), .. Leaderless.Select(item => item.Name)]);
        var seeds = new Option<long>("--seeds") { Description = "how many seeds to run", DefaultValueFactory = _ => 1000 };
        var from = new Option<long>("--from") { Description = "the first of them", DefaultValueFactory = _ => 1 };
        var seed = new Option<long?>("--seed") { Description = "run this one seed" };
        var steps = new Option<long>("--steps") { Description = "steps with faults in a seed, before it heals", DefaultValueFactory = _ => 2_500 };
        var nodes = new Option<int?>("--nodes") { Description = "replicas, 1 to 9; the profile's own if not given" };
        var profile = new Option<string>("--profile") { Description = $"schedule of faults: {Mixed}, or {string.Join("; ", Protocols.Select(item => $"for {item.Name} {Names(item)}"))}{string.Concat(Leaderless.Select(item => $"; for {item.Name} {item.ProfileNames}"))}", DefaultValueFactory = _ => Mixed };
        var failures = new Option<int>("--failures") { Description = "stop after so many failing seeds", DefaultValueFactory = _ => 1 };
        var trace = new Option<bool>("--trace") { Description = "with --seed: print all that happens" };
        var json = new Option<bool>("--json") { Description = "print the result as JSON" };
        var floors = new Option<bool>("--no-floors") { Description = "do not fail where coverage is below its floor" };
        var figure16 = new Option<bool>("--figure-16") { Description = "instead: downtime after a leader crash by election timeouts, as in figure 16 of the Raft paper; --seed changes the seed" };
        Within(seeds, 1, 1_000_000_000);
        Within(from, 0, long.MaxValue / 2);
        Within(steps, 1, 100_000_000);
        Within(nodes, 1, 9);
        var command = new RootCommand("Runs a protocol through seeded histories of faults and checks it after every step.")
        {
            protocol, seeds, from, seed, steps, nodes, profile, failures, trace, json, floors, figure16,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(trace) && result.GetResult(seed) is null)
                result.AddError("--trace needs --seed: it prints one seed");
        });
        command.Validators.Add(result =>
        {
            // Values are not there yet, neither what was wrong nor what is the default.
            string name = result.GetResult(protocol)?.Tokens is [var given] ? given.Value : Protocols[0].Name;
            LeaderlessRun? leaderless = Array.Find(Leaderless, item => item.Name == name);
            if (leaderless is not null && result.GetResult(profile)?.Tokens is [var drawn] && drawn.Value != Mixed && !leaderless.Profiles.Contains(drawn.Value))
                result.AddError($"--profile is {drawn.Value}; for {name} it must be {Mixed}, {leaderless.ProfileNames}");
            if (leaderless is not null && (result.GetResult(trace) is { Implicit: false } || result.GetResult(nodes) is { Implicit: false }))
                result.AddError($"--trace and --nodes are not for {name}, whose world is one of its own");
            if (FindProtocol(name) is { } known && result.GetResult(profile)?.Tokens is [var schedule] && schedule.Value != Mixed && Find(known, schedule.Value) is null)
                result.AddError($"--profile is {schedule.Value}; for {known.Name} it must be {Mixed}, {Names(known)}");
        });
        command.SetAction(result =>
        {
            if (result.GetValue(figure16))
                return Downtimes.Print(Console.Out, (ulong)(result.GetValue(seed) ?? 1));
            if (Array.Find(Leaderless, item => item.Name == result.GetValue(protocol)) is { } leaderless)
            {
                string? drawn = result.GetValue(profile) is { } given && given != Mixed ? given : null;
                long most = result.GetResult(steps) is { Implicit: false } ? result.GetValue(steps) : leaderless.DefaultSteps;
                long first = result.GetValue(seed) ?? result.GetValue(from), count = result.GetValue(seed) is null ? result.GetValue(seeds) : 1;
                return leaderless.Run((ulong)first, count, drawn, most, result.GetValue(failures), result.GetValue(json), !result.GetValue(floors), Console.Out);
            }

            ISimulatedProtocol chosen = FindProtocol(result.GetValue(protocol)!)!;
            var options = new RunOptions
            {
                Protocol = chosen,
                Profile = Find(chosen, result.GetValue(profile)!),
                Nodes = result.GetValue(nodes),
                Steps = result.GetValue(steps),
            };
            if (result.GetValue(seed) is { } one)
                return RunOne(options, (ulong)one, result.GetValue(trace), result.GetValue(json));
            return RunMany(options, result.GetValue(from), result.GetValue(seeds), result.GetValue(failures), result.GetValue(json), !result.GetValue(floors));
        });
        ParseResult parsed = command.Parse(arguments);
        int code = parsed.Invoke();
        return parsed.Errors.Count > 0 ? 2 : code;
    }

    /// <summary>The one command that runs a seed again.</summary>
    public static string Replay(RunOptions options, SeedResult failure) =>
        $"dotnet run -c Release --project tests/Simulation -- --protocol {options.Protocol.Name} --profile {failure.Profile}"
        + (options.Nodes is { } nodes ? $" --nodes {nodes}" : "")
        + (options.Steps != new RunOptions { Protocol = options.Protocol }.Steps ? $" --steps {options.Steps}" : "")
        + $" --seed {failure.Seed} --trace";

    private static Profile? Find(ISimulatedProtocol protocol, string name) => protocol.Profiles.FirstOrDefault(profile => profile.Name == name);

    private static string Names(ISimulatedProtocol protocol) => string.Join(", ", protocol.Profiles.Select(profile => profile.Name));

    private static void Within(Option option, long least, long most) => option.Validators.Add(result =>
    {
        if (result.Tokens is [var given] && long.TryParse(given.Value, out long value) && (value < least || value > most))
            result.AddError($"{option.Name} is {value}; it must be {least} to {most}");
    });

    private static int RunOne(RunOptions options, ulong seed, bool trace, bool json)
    {
        SeedResult result = SeedRun.Run(options, seed, trace ? new Trace(Console.Out) : null);
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(new { result.Seed, result.Profile, result.Nodes, result.Steps, Hash = $"{result.Hash:x16}", result.Rule, result.Detail }));
        else
            Console.WriteLine($"seed {seed} ({result.Profile}, {result.Nodes} nodes): {result.Steps} steps, trace {result.Hash:x16}: {result.Rule ?? "all rules held"}");
        if (result.Rule is null)
            return 0;
        if (!json)
            Report.Failure(options, result);
        return 1;
    }

    private static int RunMany(RunOptions options, long first, long count, int maxFailures, bool json, bool checkFloors)
    {
        var runner = new Runner(options);
        RunResult result;
        using (Report.ShowProgress(runner, count, enabled: !json && !Console.IsOutputRedirected))
            result = runner.Run((ulong)first, count, maxFailures);
        bool checksFloors = checkFloors && options is { Profile: null, Nodes: null } && result.Failures.Count == 0 && result.Seeds >= Coverage.LeastSeeds;
        CoverageItem[] missed = checksFloors ? [.. result.Coverage.BelowFloor(options.Protocol, result.Seeds)] : [];
        if (json)
            Report.Json(options, result, missed);
        else
            Report.Text(options, result, missed);
        return result.Failures.Count > 0 || missed.Length > 0 ? 1 : 0;
    }
}
