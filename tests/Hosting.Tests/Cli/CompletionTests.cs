using System.Diagnostics;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Cli;

/// <summary>What a shell proposes, asked of the very script that is printed for it.</summary>
public sealed class CompletionTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    [Theory]
    [InlineData("sta", "status")]
    [InlineData("up --proto", "--protocol")]
    [InlineData("exp", "export")]
    [InlineData("put k v --gr", "--group")]
    [InlineData("import --gr", "--group")]
    [InlineData("watch --cou", "--count")]
    [InlineData("members pro", "promote")]
    [InlineData("completion z", "zsh")]
    [InlineData("up --protocol r", "raft")]
    public async Task Bash_completes(string typed, string expected)
    {
        string command = _directory.File("actorrepl", $"#!/bin/sh\nexec dotnet '{typeof(NodeProcess).Assembly.Location}' \"$@\"\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string script = _directory.File("complete.sh", $$"""
            export PATH={{_directory.Path}}:$PATH
            source <(actorrepl completion bash)
            COMP_LINE="actorrepl {{typed}}" COMP_POINT=${#COMP_LINE}
            COMP_POINT=${#COMP_LINE}
            read -ra COMP_WORDS <<<"$COMP_LINE"
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _actorrepl actorrepl
            echo "${COMPREPLY[*]}"
            """);
        using Process bash = Process.Start(new ProcessStartInfo("bash", script) { RedirectStandardOutput = true })!;
        string proposed = await bash.StandardOutput.ReadToEndAsync();
        await bash.WaitForExitAsync();
        Assert.Equal(expected, proposed.Trim());
    }

    [Theory]
    [InlineData("zsh", "compdef _actorrepl actorrepl")]
    [InlineData("pwsh", "Register-ArgumentCompleter -Native -CommandName actorrepl")]
    public async Task Other_shells_have_theirs(string shell, string start)
    {
        CommandResult result = await CommandLine.RunAsync("completion", shell);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains(start, result.Output, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();
}
