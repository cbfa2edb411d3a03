using Akka.Configuration;

namespace ActorRepl.Hosting.Settings;

/// <summary>Reads settings and holds them to their bounds; what is out of bounds is named with what is allowed.</summary>
internal static class ConfigReading
{
    public static int Int(this Config config, string path, long least, long most) => (int)Bytes(config, path, least, most);

    /// <summary>A number, or a size such as <c>4 MiB</c>.</summary>
    public static long Bytes(this Config config, string path, long least, long most)
    {
        string text = config.GetString(path);
        if (Parse<long>(() => config.GetByteSize(path)) is not { } number || number < least || number > most)
            throw new UserErrorException($"{path} is '{text}'; it must be {least} to {most}");
        return number;
    }

    public static TimeSpan Time(this Config config, string path, TimeSpan least, TimeSpan most)
    {
        string text = config.GetString(path);
        if (Parse<TimeSpan>(() => config.GetTimeSpan(path)) is not { } time || time < least || time > most)
            throw new UserErrorException($"{path} is '{text}'; it must be {least.TotalMilliseconds} ms to {most.TotalMilliseconds} ms");
        return time;
    }

    public static bool Flag(this Config config, string path) =>
        Parse<bool>(() => config.GetBoolean(path)) ?? throw new UserErrorException($"{path} is '{config.GetString(path)}'; it must be on or off");

    public static T Choice<T>(this Config config, string path, IReadOnlyDictionary<string, T> choices)
    {
        string text = config.GetString(path) ?? "";
        return choices.TryGetValue(text, out T? value) ? value
            : throw new UserErrorException($"{path} is '{text}'; it must be {string.Join(" or ", choices.Keys)}");
    }

    /// <summary>What a text of its own form says; a <see cref="FormatException"/> tells what is allowed.</summary>
    public static T Parsed<T>(this Config config, string path, Func<string, T> parse)
    {
        string text = config.GetString(path) ?? "";
        try
        {
            return parse(text);
        }
        catch (FormatException wrong)
        {
            throw new UserErrorException($"{path} is '{text}': {wrong.Message}");
        }
    }

    /// <summary>Null for what cannot be read.</summary>
    private static T? Parse<T>(Func<T?> read)
        where T : struct
    {
        try
        {
            return read();
        }
        catch (Exception wrong) when (wrong is FormatException or ConfigurationException or OverflowException or ArgumentException or NotSupportedException)
        {
            return null;
        }
    }
}
