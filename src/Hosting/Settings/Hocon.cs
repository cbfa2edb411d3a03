using Akka.Configuration;

namespace ActorRepl.Hosting.Settings;

/// <summary>The HOCON files of the folder hocon, embedded in the assembly, and those a user gives.</summary>
public static class Hocon
{
    private const string Prefix = "hocon.";
    private static readonly string[] Profiles = ["node", "cluster"];

    private static readonly Lazy<Config> Defaults = new(() => Names()
        .Where(name => !Profiles.Contains(name))
        .Aggregate(Config.Empty, (config, name) => config.WithFallback(Resource(name))));

    /// <summary>Every setting of ActorRepl with its default.</summary>
    public static Config Reference => Defaults.Value;

    /// <summary>What a node sets of Akka.NET; with <paramref name="cluster"/>, also remoting and the cluster.</summary>
    public static Config Profile(bool cluster) => cluster ? Resource("cluster").WithFallback(Resource("node")) : Resource("node");

    /// <summary>Reads a user's settings and checks that each of them exists.</summary>
    /// <exception cref="UserErrorException">The file cannot be read, is no HOCON, or sets what does not exist.</exception>
    public static Config Load(string path)
    {
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} cannot be read: {unreadable.Message}");
        }
    }

    /// <inheritdoc cref="Load"/>
    public static Config Parse(string text, string source)
    {
        if (HoconText.Damage(text) is { } broken)
            throw new UserErrorException($"{source} is no HOCON: {broken}");
        Config config;
        try
        {
            config = ConfigurationFactory.ParseString(text);
        }
        catch (Exception damage) when (damage is not OutOfMemoryException)
        {
            throw new UserErrorException($"{source} is no HOCON: {damage.Message.ReplaceLineEndings(" ")}");
        }

        UnknownSettings.Check(config, Reference, source);
        return config;
    }

    /// <summary>A text as HOCON has it between quotes.</summary>
    internal static string Quoted(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static IEnumerable<string> Names() => typeof(Hocon).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
        .Select(name => name[Prefix.Length..^".conf".Length])
        .Order(StringComparer.Ordinal);

    private static Config Resource(string name)
    {
        using Stream stream = typeof(Hocon).Assembly.GetManifestResourceStream($"{Prefix}{name}.conf")
            ?? throw new MissingManifestResourceException(name);
        using var reader = new StreamReader(stream);
        return ConfigurationFactory.ParseString(reader.ReadToEnd());
    }

    private sealed class MissingManifestResourceException(string name) : Exception($"the assembly lacks {Prefix}{name}.conf");
}
