using System.Text.Json;

namespace ActorRepl.Hosting.Cli.Keys;

/// <summary>What <c>actorrepl scan</c> is to print.</summary>
/// <param name="Group">Of which group.</param>
/// <param name="Prefix">What the keys begin with.</param>
/// <param name="Limit">How many at most; 0: all.</param>
/// <param name="After">Where an earlier scan ended; null: from the first key.</param>
/// <param name="KeysOnly">No values.</param>
/// <param name="Json">A JSON object a line.</param>
internal sealed record ScanOptions(string Group, string Prefix, int Limit, string? After, bool KeysOnly, bool Json);

/// <summary><c>actorrepl scan</c>: keys in order, page by page, and where to go on.</summary>
internal sealed class ScanCommand(HttpGateway gateway, ScanOptions options)
{
    private const int MostOfAPage = 1000;

    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        string? after = options.After;
        int left = options.Limit == 0 ? int.MaxValue : options.Limit;
        do
        {
            string path = $"/kv/{Uri.EscapeDataString(options.Group)}?limit={Math.Min(left, MostOfAPage)}&prefix={Uri.EscapeDataString(options.Prefix)}"
                + (after is null ? "" : $"&after={Uri.EscapeDataString(after)}");
            using HttpResponseMessage response = await gateway.GetAsync(path, cancellation).ConfigureAwait(false);
            await using Stream body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            using JsonDocument page = await JsonDocument.ParseAsync(body, cancellationToken: cancellation).ConfigureAwait(false);
            foreach (JsonElement item in page.RootElement.GetProperty("items").EnumerateArray())
            {
                Print(item);
                left--;
            }

            after = page.RootElement.TryGetProperty("next", out JsonElement next) ? next.GetString() : null;
        }
        while (after is not null && left > 0);

        if (after is not null && options.Json)
            Terminal.Line($"{{\"next\":\"{after}\"}}");
        else if (after is not null)
            Terminal.Note($"there are more: --after {after}");
        return ExitCode.Success;
    }

    private void Print(JsonElement item)
    {
        if (options.Json)
            Terminal.Line(options.KeysOnly ? $"{{{ItemText.Property(item, "key")}}}" : item.GetRawText());
        else
            Terminal.Line(options.KeysOnly ? ItemText.Of(item, "key") : $"{ItemText.Of(item, "key")}\t{ItemText.Of(item, "value")}");
    }
}

/// <summary>Keys and values of the gateway's JSON, as a line of text shows them.</summary>
internal static class ItemText
{
    /// <summary>Text as it is, but what would end the line escaped; bytes that are none in base64.</summary>
    public static string Of(JsonElement item, string name)
    {
        if (item.TryGetProperty(name, out JsonElement text))
            return text.GetString()!.Any(char.IsControl) ? text.GetRawText() : text.GetString()!;
        return item.TryGetProperty(name + "Base64", out JsonElement coded) ? $"base64:{coded.GetString()}"
            : item.TryGetProperty(name + "Omitted", out _) ? "(too large to be shown here)" : "";
    }

    /// <summary>The property as it stands, text or base64.</summary>
    public static string Property(JsonElement item, string name) =>
        item.EnumerateObject().First(one => one.Name == name || one.Name == name + "Base64") is var found ? $"\"{found.Name}\":{found.Value.GetRawText()}" : "";
}
