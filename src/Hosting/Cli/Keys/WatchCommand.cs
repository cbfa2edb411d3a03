using System.Diagnostics;
using System.Text.Json;
using Spectre.Console;

namespace ActorRepl.Hosting.Cli.Keys;

/// <summary>What <c>actorrepl watch</c> is to show.</summary>
/// <param name="Group">Of which group.</param>
/// <param name="Prefix">What the keys begin with.</param>
/// <param name="IsKey">Only the key that is the whole prefix.</param>
/// <param name="After">What has been seen, the <c>id</c> of a change; null: from now on.</param>
/// <param name="Count">How many changes; null: until Ctrl-C.</param>
/// <param name="Json">A JSON object a line.</param>
internal sealed record WatchOptions(string Group, string Prefix, bool IsKey, string? After, int? Count, bool Json);

/// <summary><c>actorrepl watch</c>: changes as they come, of whichever node answers; goes on at another where one is lost.</summary>
internal sealed class WatchCommand(HttpGateway gateway, WatchOptions options)
{
    /// <summary>How long no node may answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // A node gives a sign of life each 10 s.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    private string? _seen = options.After;
    private int _shown;

    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        var alone = Stopwatch.StartNew();
        while (_shown < (options.Count ?? int.MaxValue))
        {
            try
            {
                string path = $"/watch/{Uri.EscapeDataString(options.Group)}?prefix={Uri.EscapeDataString(options.Prefix)}" + (_seen is null ? "" : $"&after={_seen}");
                using HttpResponseMessage response = await gateway.GetAsync(path, cancellation).ConfigureAwait(false);
                using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false));
                await FollowAsync(lines, alone.Restart, cancellation).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                break;
            }
            catch (Exception lost) when (lost is UnservedException or IOException or HttpRequestException or TimeoutException)
            {
                if (alone.Elapsed > Patience)
                    throw new UserErrorException($"no node answers: {lost.Message}{Resume}");
                gateway.TurnAway();
                await Task.Delay(200, CancellationToken.None).ConfigureAwait(false);
            }
        }

        if (_seen is not null && !options.Json)
            Terminal.Note($"go on with --after {_seen}");
        return ExitCode.Success;
    }

    private string Resume => _seen is null ? "" : $"; what has been shown ends at --after {_seen}";

    private async Task FollowAsync(StreamReader lines, Action alive, CancellationToken cancellation)
    {
        string id = "", name = "", data = "";
        while (_shown < (options.Count ?? int.MaxValue))
        {
            string line = await lines.ReadLineAsync(cancellation).AsTask().WaitAsync(Silence, cancellation).ConfigureAwait(false)
                ?? throw new IOException("the node closed the connection");
            alive();
            if (line.StartsWith("id: ", StringComparison.Ordinal))
                id = line[4..];
            else if (line.StartsWith("event: ", StringComparison.Ordinal))
                name = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
                data = line[6..];
            else if (line.Length == 0 && name.Length > 0)
            {
                On(id, name, data);
                name = "";
            }
        }
    }

    private void On(string id, string name, string data)
    {
        if (name == "compacted")
            throw new UserErrorException($"the changes that come next are not kept any more: read the keys anew and watch from then on{Resume}");
        _seen = id;
        if (name == "from")
            return;
        using JsonDocument change = JsonDocument.Parse(data);
        if (options.IsKey && !(change.RootElement.TryGetProperty("key", out JsonElement key) && key.ValueEquals(options.Prefix)))
            return;
        _shown++;
        if (options.Json)
            Terminal.Line($"{{\"event\":\"{name}\",\"id\":\"{id}\",{data.AsSpan(1)}");
        else if (Terminal.IsInteractive)
            AnsiConsole.MarkupLine($"[{Colour(name)}]{name,-8}[/]{Markup.Escape(Text(change.RootElement))}");
        else
            Terminal.Line($"{name,-8}{Text(change.RootElement)}");
    }

    private static string Text(JsonElement change) => $"{ItemText.Of(change, "key")}\t{ItemText.Of(change, "value")}".TrimEnd('\t');

    private static string Colour(string name) => name switch { "set" => "green", "deleted" => "red", _ => "yellow" };
}
