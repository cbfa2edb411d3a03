using System.Text.Json;
using System.Text.Json.Serialization;

namespace ActorRepl.Hosting.Cluster;

/// <summary>A node process of a local cluster, as last started.</summary>
/// <param name="Id">From 1.</param>
/// <param name="Pid">Its process; 0: not started, or stopped in order.</param>
public sealed record ClusterNode(int Id, int Pid);

/// <summary>
/// <c>cluster.json</c> in the data directory: which nodes the cluster has, on which ports, and as which processes they were
/// last started. Written by <c>up</c> and <c>restart</c>, read by every other command.
/// </summary>
/// <param name="Founders">How many nodes, from 1, the cluster was founded by; null: all of them.</param>
/// <param name="Faults">Its nodes let faults be put on them.</param>
/// <param name="Tls">Its ports are encrypted with certificates of its own.</param>
/// <param name="AllowUnauthenticated">Its ports may be open beyond this machine, where their settings say so.</param>
/// <param name="Protocol">Of groups whose settings name none; null: as the settings say.</param>
public sealed record ClusterFile(
    string Cluster, int BasePort, IReadOnlyList<ClusterNode> Nodes, string? Config = null, int? Founders = null, bool Faults = false, string? Protocol = null, bool Tls = false, bool AllowUnauthenticated = false)
{
    public const string Name = "cluster.json";

    public static string PathIn(string data) => Path.Combine(data, Name);

    /// <summary>Null: there is none.</summary>
    /// <exception cref="UserErrorException">The file is not readable.</exception>
    public static ClusterFile? Read(string data)
    {
        string path = PathIn(data);
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ClusterJson.Default.ClusterFile);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception damage) when (damage is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} is not readable: {damage.Message}");
        }
    }

    /// <summary>Replaces the file whole.</summary>
    public void Write(string data)
    {
        string path = PathIn(data);
        string beside = $"{path}.{Environment.ProcessId}.new";
        File.WriteAllBytes(beside, JsonSerializer.SerializeToUtf8Bytes(this, ClusterJson.Default.ClusterFile));
        File.Move(beside, path, overwrite: true);
    }

    public ClusterFile With(ClusterNode node) => this with { Nodes = [.. Nodes.Where(other => other.Id != node.Id).Append(node).OrderBy(one => one.Id)] };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ClusterFile))]
internal sealed partial class ClusterJson : JsonSerializerContext;
