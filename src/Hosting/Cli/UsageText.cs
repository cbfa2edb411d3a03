using System.CommandLine.Parsing;
using System.Text.RegularExpressions;

namespace ActorRepl.Hosting.Cli;

/// <summary>What the parser says of a command line, in words of the command line and not of the program's types.</summary>
internal static partial class UsageText
{
    public static string Plain(string error, CommandResult command)
    {
        if (NoNumber().Match(error) is { Success: true } wrong)
            return wrong.Groups["option"] is { Success: true } option ? $"{option.Value} is '{wrong.Groups["text"].Value}'; it must be a number"
                : $"'{wrong.Groups["text"].Value}' must be a number";
        if (NoValue().Match(error) is { Success: true } missing)
            return $"{missing.Groups["option"].Value} needs a value";
        string[] names = [.. command.Command.Arguments.Where(argument => argument.Arity.MinimumNumberOfValues > 0 && command.GetResult(argument) is not { Tokens.Count: > 0 }).Select(argument => argument.Name)];
        return NoArgument().IsMatch(error) && names.Length > 0 ? $"'{command.Command.Name}' needs {string.Join(" and ", names)}" : error;
    }

    [GeneratedRegex("^Cannot parse argument '(?<text>.*)' for (option '(?<option>.*)'|command '.*') as expected type '.*(Int32|Int64|Double).*'")]
    private static partial Regex NoNumber();

    [GeneratedRegex("^Required argument missing for option: '(?<option>.*)'")]
    private static partial Regex NoValue();

    [GeneratedRegex("^Required argument missing for command: ")]
    private static partial Regex NoArgument();
}
