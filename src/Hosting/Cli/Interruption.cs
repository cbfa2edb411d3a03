using System.Runtime.InteropServices;

namespace ActorRepl.Hosting.Cli;

/// <summary>
/// Ctrl-C, SIGTERM and a closed terminal ask a command to come to its end: it says how far it came, and removes what it has not finished. A second one ends it on
/// the spot, and so does <see cref="Patience"/>.
/// </summary>
internal sealed class Interruption : IDisposable
{
    /// <summary>What shells know a command by that was ended by Ctrl-C.</summary>
    public const int ExitCode = 130;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _asked = new();
    private readonly PosixSignalRegistration[] _registrations;

    public Interruption() => _registrations =
        [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, OnSignal))];

    public CancellationToken Token => _asked.Token;

    public void Dispose()
    {
        Array.ForEach(_registrations, registration => registration.Dispose());
        _asked.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        if (_asked.IsCancellationRequested)
            return;
        context.Cancel = true;
        _ = Task.Delay(Patience).ContinueWith(_ => Environment.Exit(ExitCode), TaskScheduler.Default);
        _asked.Cancel();
    }
}
