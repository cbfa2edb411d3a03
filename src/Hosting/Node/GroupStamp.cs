using System.Text.Json;
using System.Text.Json.Serialization;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Hosting.Node;

/// <summary>
/// <c>groups.json</c> in a node's directory: what the data depends on and a setting must not change under it, the number of
/// nodes, each group's protocol with the version of its data, shards, replicas and rule by which its keys are placed, and the plugins that hold it.
/// </summary>
/// <param name="Nodes">That the cluster was founded by.</param>
/// <param name="Groups">All that ever had data here.</param>
/// <param name="Journal">The journal's plugin id; null: the one on SQLite, from before there was another.</param>
/// <param name="SnapshotStore">The snapshot store's plugin id; null: ActorRepl's own.</param>
internal sealed record GroupStamp(int Nodes, IReadOnlyList<GroupSettings> Groups, string? Journal = null, string? SnapshotStore = null)
{
    private const string Name = "groups.json";
    private const int FormatBeforeAny = 1;

    /// <summary>The journal that has the data of a directory; null: there is none yet.</summary>
    /// <exception cref="UserErrorException">The stamp is not readable.</exception>
    public static string? JournalOf(string directory) =>
        Read(Path.Combine(directory, Name)) is { } found ? found.Journal ?? PersistenceConfig.SqliteJournalId : null;

    /// <summary>
    /// Writes the stamp of a new directory, and compares with the one of an old; a new group is added. Returns the settings with each group's keys
    /// placed as they were when it was made.
    /// </summary>
    /// <param name="directory">The node's own.</param>
    /// <param name="settings">As declared.</param>
    /// <param name="cluster">What the node remembers, or is told, of its cluster, whose word on a group goes before the stamp's; null: nothing.</param>
    /// <exception cref="UserErrorException">The directory's data was made with other numbers, or by a rule this build does not know.</exception>
    public static ReplicationSettings Check(string directory, ReplicationSettings settings, NodeState? cluster)
    {
        string path = Path.Combine(directory, Name);
        GroupStamp? before = Read(path);
        try
        {
            settings = settings with
            {
                Groups = [.. settings.Groups.Select(group => group with { KeyPlacement = PlacementOf(group.Name, before, cluster) ?? group.KeyPlacement })],
            };
        }
        catch (InvalidDataException unknown)
        {
            throw new UserErrorException($"the data in {directory} cannot be served: {unknown.Message}");
        }

        var wanted = new GroupStamp(settings.FoundingNodes.Count, [.. settings.Groups.Select(Stamped)], settings.JournalPlugin, settings.SnapshotPlugin);
        if (before is not { } found)
        {
            Write(path, wanted);
            return settings;
        }

        if (found.Nodes != wanted.Nodes)
            throw new UserErrorException($"the data in {directory} is of a cluster of {found.Nodes} nodes, not {wanted.Nodes}");
        CheckPlugin(directory, "journal", found.Journal ?? PersistenceConfig.SqliteJournalId, settings.JournalPlugin);
        CheckPlugin(directory, "snapshot store", found.SnapshotStore ?? PersistenceConfig.SnapshotPluginId, settings.SnapshotPlugin);
        foreach (GroupSettings group in wanted.Groups)
        {
            if (found.Groups.FirstOrDefault(old => old.Name == group.Name) is not { } old)
                continue;
            if (old with { KeyPlacement = group.KeyPlacement, Format = group.Format } != group)
                throw new UserErrorException($"the data in {directory} holds group '{group.Name}' with {Describe(old)}, not {Describe(group)}");
            CheckFormat(path, old, group);
        }

        GroupSettings[] all = [.. wanted.Groups, .. found.Groups.Where(old => wanted.Groups.All(group => group.Name != old.Name))];
        if (!all.ToHashSet().SetEquals(found.Groups))
            Write(path, wanted with { Groups = all });
        return settings;
    }

    private static KeyPlacement? PlacementOf(string group, GroupStamp? stamp, NodeState? cluster) =>
        cluster?.KeyPlacementOf(group) ?? (stamp?.Groups.FirstOrDefault(old => old.Name == group) is { } old ? KeyPlacements.Of(old.KeyPlacement) : null);

    private static GroupSettings Stamped(GroupDefinition group) => new(group.Name, group.Protocol.Name, group.Shards, group.Replicas)
    {
        KeyPlacement = group.KeyPlacement.Name(),
        Format = group.Protocol.Format,
    };

    /// <summary>Replicas that cannot read what they have written would be started again for ever, or read something else.</summary>
    private static void CheckFormat(string path, GroupSettings found, GroupSettings wanted)
    {
        int format = found.Format ?? FormatBeforeAny;
        if (format == wanted.Format)
            return;
        string of = format > wanted.Format ? "a later build" : "an earlier build";
        throw new UserErrorException($"{path}: group '{found.Name}' holds data of {found.Protocol} in format {format}, made by {of}; this build reads format {wanted.Format}. "
            + "Go on with a build of that format; nothing was changed");
    }

    /// <summary>Replicas that find an empty journal would have forgotten their votes.</summary>
    private static void CheckPlugin(string directory, string kind, string found, string wanted)
    {
        if (found != wanted)
            throw new UserErrorException($"the data of {directory} is in the {kind} {found}, not {wanted}");
    }

    private static string Describe(GroupSettings group) => $"{group.Protocol}, {group.Shards} shards, {group.Replicas} replicas";

    private static GroupStamp? Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), GroupStampJson.Default.GroupStamp) : null;
        }
        catch (JsonException damage)
        {
            throw new UserErrorException($"{path} is not readable: {damage.Message}");
        }
    }

    private static void Write(string path, GroupStamp stamp)
    {
        File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(stamp, GroupStampJson.Default.GroupStamp));
        File.Move(path + ".new", path, overwrite: true);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(GroupStamp))]
internal sealed partial class GroupStampJson : JsonSerializerContext;
