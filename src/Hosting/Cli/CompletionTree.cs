using System.CommandLine;

namespace ActorRepl.Hosting.Cli;

/// <summary>
/// <c>actorrepl completion</c>: prints what a shell needs to complete commands, options and their values. The script asks
/// <c>actorrepl [suggest]</c> with each press of the key, so it never has to be made anew.
/// </summary>
internal static class CompletionTree
{
    private static readonly SortedDictionary<string, (string Script, string Install)> Shells = new(StringComparer.Ordinal)
    {
        ["bash"] = (Bash, "echo 'source <(actorrepl completion bash)' >> ~/.bashrc"),
        ["zsh"] = (Zsh, "echo 'source <(actorrepl completion zsh)' >> ~/.zshrc"),
        ["pwsh"] = (Pwsh, "'actorrepl completion pwsh | Out-String | Invoke-Expression' >> $PROFILE"),
    };

    private const string Bash = """
        _actorrepl() {
          local line=${COMP_LINE:0:COMP_POINT} IFS=$'\n'
          line=${line#*"$1"}; line=${line# }
          COMPREPLY=($(compgen -W "$("$1" "[suggest:${#line}]" "$line" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _actorrepl actorrepl ./actorrepl
        """;

    private const string Zsh = """
        #compdef actorrepl
        (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
        _actorrepl() {
          local line="${(j: :)${(@)words[2,CURRENT]}}"
          local -a found=("${(@f)$("${words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)}")
          found=(${found:#})
          (( $#found )) && compadd -a found || _files
        }
        compdef _actorrepl actorrepl ./actorrepl
        """;

    private const string Pwsh = """
        Register-ArgumentCompleter -Native -CommandName actorrepl, ./actorrepl -ScriptBlock {
          param($word, $ast, $position)
          $words = $ast.CommandElements
          $line = (@($words | Select-Object -Skip 1 | ForEach-Object { $_.Extent.Text }) -join ' ')
          if (-not $word) { $line = "$line ".TrimStart() }
          & $words[0].Extent.Text "[suggest:$($line.Length)]" $line 2>$null | Where-Object { $_ -like "$word*" } |
            ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
        }
        """;

    public static Command Build()
    {
        string names = string.Join(", ", Shells.Keys);
        var shell = new Argument<string>("SHELL") { Description = $"Which: {names}." };
        shell.CompletionSources.Add([.. Shells.Keys]);
        shell.Validators.Add(result =>
        {
            if (!Shells.ContainsKey(result.Tokens[0].Value))
                result.AddError($"SHELL is '{result.Tokens[0].Value}'; it must be one of {names}");
        });
        var command = new Command("completion", $"Print a script that completes this command's words in a shell, such as: {Shells["bash"].Install}") { shell };
        command.SetAction(line =>
        {
            (string script, string install) = Shells[line.GetValue(shell)!];
            Terminal.Line($"# {install}");
            Terminal.Line(script.ReplaceLineEndings("\n"));
            return ExitCode.Success;
        });
        return command;
    }
}
