using System.CommandLine;
using ActorRepl.Protocols.Staleness;

namespace ActorRepl.Hosting.Cli;

/// <summary>The command line of <c>actorrepl plan</c>: what a group would be like, before it is made.</summary>
internal static class PlanTree
{
    public static Command Build() => new("plan", "What a group would be like, reckoned from numbers; needs no cluster.") { Staleness() };

    private static Command Staleness()
    {
        Option<int> n = Number("--n", "Replicas of each key.", 3, StalenessQuestion.MaxReplicas);
        Option<int> r = Number("--r", "Answers that a read waits for.", 1, StalenessQuestion.MaxReplicas);
        Option<int> w = Number("--w", "Acknowledgements that a write waits for.", 1, StalenessQuestion.MaxReplicas);
        var latency = new Option<string>("--latency") { Description = "One-way times of the messages, in ms; docs/staleness.md says how it is written.", HelpName = "FILE", Required = true };
        Option<int> trials = Number("--trials", "Writes, each with a read, that are drawn.", 200_000, StalenessQuestion.MaxTrials);
        var seed = new Option<ulong>("--seed") { Description = "The same seed gives the same result.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command("staleness", "How likely a read finds the last write, against the time since that was acknowledged (PBS, Bailis et al. 2012).")
        {
            n, r, w, latency, trials, seed, json,
        };
        command.SetAction(line =>
        {
            var question = new StalenessQuestion(line.GetValue(n), line.GetValue(r), line.GetValue(w), line.GetValue(trials), line.GetValue(seed));
            if (Mistake(question) is not { } mistake)
                return StalenessCommand.Run(question, line.GetValue(latency)!, line.GetValue(json));
            Terminal.Problem(mistake);
            return ExitCode.Usage;
        });
        return command;
    }

    private static string? Mistake(StalenessQuestion question)
    {
        try
        {
            question.Validate();
            return null;
        }
        catch (ArgumentException wrong)
        {
            return wrong.Message;
        }
    }

    private static Option<int> Number(string name, string description, int value, int most)
    {
        var option = new Option<int>(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && int.TryParse(token.Value, out int given) && (given < 1 || given > most))
                result.AddError($"{name} is {given}; it must be 1 to {most}");
        });
        return option;
    }
}
