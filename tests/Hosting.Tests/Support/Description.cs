using System.Text.Json;

namespace ActorRepl.Hosting.Tests.Support;

/// <summary>Holds a node to its OpenAPI description.</summary>
internal static class Description
{
    /// <summary>Of some paths every operation that is described is served, nothing else is, and what goes wrong is a problem that is described.</summary>
    /// <param name="client">Of the node.</param>
    /// <param name="description">What it says of itself.</param>
    /// <param name="paths">Which of the paths.</param>
    /// <param name="target">What to ask for, of a path as it is described.</param>
    public static async Task IsServedAsync(HttpClient client, JsonDocument description, Func<string, bool> paths, Func<string, string> target)
    {
        string?[] titles = [.. description.RootElement.GetProperty("components").GetProperty("schemas").GetProperty("Problem").GetProperty("properties")
            .GetProperty("title").GetProperty("enum").EnumerateArray().Select(title => title.GetString())];
        JsonProperty[] all = [.. description.RootElement.GetProperty("paths").EnumerateObject().Where(path => paths(path.Name))];
        Assert.NotEmpty(all);
        foreach (JsonProperty path in all)
        {
            string[] described = [.. path.Value.EnumerateObject().Select(method => method.Name)];
            foreach (string method in new[] { "get", "head", "put", "post", "delete", "patch" })
            {
                using var request = new HttpRequestMessage(new HttpMethod(method.ToUpperInvariant()), target(path.Name)) { Content = method is "put" or "post" ? new StringContent("{}") : null };
                using HttpResponseMessage answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                int code = (int)answer.StatusCode;
                Assert.True(described.Contains(method) == (code != 405), $"{method} {path.Name}: {code}");
                if (code < 400 || method == "head" || !described.Contains(method))
                    continue;
                JsonElement responses = path.Value.GetProperty(method).GetProperty("responses");
                Assert.True(responses.TryGetProperty($"{code}", out _) || responses.TryGetProperty("default", out _), $"{method} {path.Name}: {code}");
                using JsonDocument problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
                Assert.Contains(problem.RootElement.GetProperty("title").GetString(), titles);
            }
        }
    }
}
