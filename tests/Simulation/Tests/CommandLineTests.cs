using System.Text.Json;
using ActorRepl.Simulation.Invariants;
using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.Tests;

public class CommandLineTests
{
    [Theory]
    [InlineData(0, "--seed 5")]
    [InlineData(0, "--seeds 4 --from 100 --no-floors --json")]
    [InlineData(0, "--help")]
    [InlineData(2, "--protocol paxos")]
    [InlineData(2, "--seeds 0")]
    [InlineData(2, "--seeds many")]
    [InlineData(2, "--seed many --trace")]
    [InlineData(2, "--nodes many")]
    [InlineData(2, "--trace")]
    [InlineData(2, "--nodes 12")]
    [InlineData(2, "--profile none")]
    [InlineData(2, "--unknown")]
    public void The_exit_code_says_what_happened(int expected, string arguments)
    {
        (int code, _) = Run(arguments);
        Assert.Equal(expected, code);
    }

    [Fact]
    public void Json_has_what_the_text_has()
    {
        (_, string output) = Run("--seeds 3 --from 7 --no-floors --json");
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal(3, json.RootElement.GetProperty("Seeds").GetInt64());
        Assert.True(json.RootElement.GetProperty("Coverage").GetProperty("Elections").GetInt64() > 0);
        Assert.Equal(0, json.RootElement.GetProperty("Failures").GetArrayLength());
    }

    [Fact]
    public void A_failing_seed_names_the_command_that_replays_it()
    {
        var options = new RunOptions { Protocol = new SimulatedRaft(), Steps = 4_000 };
        var failure = new SeedResult(42, "figure8", 3, 17, 0, new Coverage(), "one leader a term", "n1 and n2");
        Assert.Equal(
            "dotnet run -c Release --project tests/Simulation -- --protocol raft --profile figure8 --steps 4000 --seed 42 --trace",
            SimulationCommand.Replay(options, failure));
    }

    private static (int Code, string Output) Run(string arguments)
    {
        TextWriter output = Console.Out, errors = Console.Error;
        var written = new StringWriter();
        Console.SetOut(written);
        Console.SetError(written);
        try
        {
            return (SimulationCommand.Invoke(arguments.Split(' ')), written.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(errors);
        }
    }
}
