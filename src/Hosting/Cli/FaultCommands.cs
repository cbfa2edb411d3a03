using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Faults;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl fault</c>: puts faults on a running node, lists and clears them.</summary>
internal sealed class FaultCommands(LocalCluster cluster, int id, bool json)
{
    private static readonly string[] Headings = ["fault", "to", "how", "ends in"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    public Task<int> ListAsync(CancellationToken cancellation) => SendAsync(HttpMethod.Get, [], cancellation);

    public Task<int> ClearAsync(CancellationToken cancellation) => SendAsync(HttpMethod.Post, [("kind", "clear")], cancellation);

    public Task<int> SetAsync(FaultOrder order, CancellationToken cancellation) => SendAsync(
        HttpMethod.Post,
        [
            ("kind", order.Kind), ("to", order.To?.ToString(CultureInfo.InvariantCulture)), ("amount", order.Amount), ("jitter", order.Jitter), ("shard", order.Shard),
            ("record", order.Kind == FaultOrder.BitFlip ? $"{order.Record}" : null), ("for", order.For),
        ],
        cancellation);

    /// <exception cref="UserErrorException">The node refuses, with its reason, or does not answer.</exception>
    private async Task<int> SendAsync(HttpMethod method, (string Name, string? Value)[] query, CancellationToken cancellation)
    {
        NodePorts node = new(cluster.File.BasePort, cluster.Node(id).Id);
        using HttpClient http = cluster.Access.Http(Patience);
        string what = $"/faults?{string.Join('&', query.Where(item => item.Value is not null).Select(item => $"{item.Name}={Uri.EscapeDataString(item.Value!)}"))}";
        try
        {
            using var request = new HttpRequestMessage(method, new Uri(cluster.Access.HttpAddress(node), what));
            using HttpResponseMessage response = await http.SendAsync(request, cancellation).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
            {
                HealthStatus? refusal = await response.Content.ReadFromJsonAsync(StatusJson.Default.HealthStatus, cancellation).ConfigureAwait(false);
                throw new UserErrorException($"node {id}: {(refusal is { Reasons: [var reason, ..] } ? reason : $"it answers {(int)response.StatusCode}")}");
            }

            FaultsReport report = await response.Content.ReadFromJsonAsync(StatusJson.Default.FaultsReport, cancellation).ConfigureAwait(false) ?? throw new JsonException("the answer is empty");
            Show(report);
            return ExitCode.Success;
        }
        catch (Exception silent) when (silent is HttpRequestException or JsonException or TaskCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new UserErrorException($"node {id} does not answer on port {node.Http}: {silent.Message}");
        }
    }

    private void Show(FaultsReport report)
    {
        if (json)
            Terminal.Json(report, StatusJson.Default.FaultsReport);
        else if (report.Done is { } done)
            Terminal.Line($"node {report.Node}: {done}");
        else if (report.Faults.Count == 0)
            Terminal.Line($"node {report.Node} has no faults");
        else
            Terminal.Table(Headings, [.. report.Faults.Select(Row)]);
    }

    private static string[] Row(FaultEntry fault) =>
    [
        fault.Kind, fault.To switch { null => "-", 0 => "all", var to => $"{to}" }, fault.Detail.Length > 0 ? fault.Detail : "-",
        fault.EndsInSeconds is { } left ? string.Create(CultureInfo.InvariantCulture, $"{left:0.0} s") : "when cleared",
    ];
}
