using Akka.Actor;
using Akka.Configuration.Hocon;

namespace Akka.Configuration;

/// <summary>A setting is missing, cannot be read, or names what is not there.</summary>
public class ConfigurationException : AkkaException
{
    public ConfigurationException(string message) : base(message) { }
    public ConfigurationException(string message, Exception exception) : base(message, exception) { }
}

/// <summary>An immutable tree of settings. Paths are dotted; a key with a dot in it is quoted.</summary>
public class Config
{
    public static readonly Config Empty = new();

    public Config() : this(new HoconValue(new HoconObject())) { }

    internal Config(HoconValue root) => Root = root;

    /// <summary>The settings of <paramref name="source"/>, and below them those of <paramref name="fallback"/>.</summary>
    public Config(Config source, Config fallback) : this(fallback is null ? source.Root : source.Root.Over(fallback.Root)) { }

    public HoconValue Root { get; }
    public virtual bool IsEmpty => Root.IsEmpty;

    /// <summary>The value at the path, or null.</summary>
    public HoconValue GetValue(string path)
    {
        HoconValue value = Root;
        foreach (string key in HoconParser.SplitPath(path))
        {
            value = value.GetChildObject(key);
            if (value is null) return null;
        }

        return value;
    }

    public virtual bool HasPath(string path) => GetValue(path) is not null;
    public virtual string GetString(string path, string @default = null) => Read(path, value => value.GetString(), @default);
    public virtual int GetInt(string path, int @default = 0) => Read(path, value => value.GetInt(), @default);
    public virtual long GetLong(string path, long @default = 0) => Read(path, value => value.GetLong(), @default);
    public virtual double GetDouble(string path, double @default = 0) => Read(path, value => value.GetDouble(), @default);
    public virtual bool GetBoolean(string path, bool @default = false) => Read(path, value => value.GetBoolean(), @default);
    public virtual long? GetByteSize(string path) => GetByteSize(path, null);
    public virtual long? GetByteSize(string path, long? def = null) => Read(path, value => value.GetByteSize(), def);
    public virtual IList<string> GetStringList(string path) => GetStringList(path, []);

    public virtual IList<string> GetStringList(string path, string[] defaultPaths) =>
        Read(path, value => value.GetStringList(), defaultPaths);

    public virtual IList<int> GetIntList(string path) =>
        Read<IList<int>>(path, value => [.. value.GetArray().Select(item => item.GetInt())], []);

    /// <summary>The duration at the path; "infinite" is <see cref="Timeout.InfiniteTimeSpan"/> if it is allowed.</summary>
    public virtual TimeSpan GetTimeSpan(string path, TimeSpan? @default = null, bool allowInfinite = true) =>
        Read(path, value => value.GetTimeSpan(allowInfinite), @default.GetValueOrDefault());

    /// <summary>The settings below the path, or null.</summary>
    public virtual Config GetConfig(string path) => GetValue(path) is { } value && value.IsObject() ? new Config(value) : null;

    public virtual Config WithFallback(Config fallback) => fallback is null || fallback.IsEmpty ? this : new Config(this, fallback);

    public virtual IEnumerable<KeyValuePair<string, HoconValue>> AsEnumerable() => Root.GetObject()?.Items ?? [];

    public override string ToString() => Root.ToString();

    public static implicit operator Config(string str) => ConfigurationFactory.ParseString(str);

    private T Read<T>(string path, Func<HoconValue, T> read, T @default)
    {
        if (GetValue(path) is not { } value) return @default;
        try
        {
            return read(value);
        }
        catch (Exception e) when (e is ConfigurationException or OverflowException)
        {
            throw new ConfigurationException($"setting '{path}': {e.Message}", e);
        }
    }
}

/// <summary>Helpers for settings that may not be there.</summary>
public static class ConfigExtensions
{
    public static bool IsNullOrEmpty(this Config config) => config is null || config.IsEmpty;
}

/// <summary>Makes settings from text.</summary>
public class ConfigurationFactory
{
    private static readonly Lazy<Config> Reference =
        new(() => FromResource("Akka.reference.conf", typeof(ConfigurationFactory).Assembly));

    public static Config Empty => Config.Empty;

    /// <summary>Parses HOCON. An error names line and column.</summary>
    public static Config ParseString(string hocon) => new(new HoconParser(hocon).Parse());

    /// <summary>The settings of the application's own configuration file: the engine has none.</summary>
    public static Config Load() => Config.Empty;

    /// <summary>The engine's reference settings.</summary>
    public static Config Default() => Reference.Value;

    public static Config FromResource(string resourceName, object instanceInAssembly) =>
        FromResource(resourceName, instanceInAssembly as Type is { } type ? type.Assembly : instanceInAssembly.GetType().Assembly);

    public static Config FromResource<TAssembly>(string resourceName) => FromResource(resourceName, typeof(TAssembly).Assembly);

    public static Config FromResource(string resourceName, System.Reflection.Assembly assembly)
    {
        using Stream stream = assembly.GetManifestResourceStream(resourceName)
            ?? throw new ConfigurationException($"{assembly.GetName().Name} has no resource '{resourceName}'.");
        using var reader = new StreamReader(stream);
        return ParseString(reader.ReadToEnd());
    }
}
