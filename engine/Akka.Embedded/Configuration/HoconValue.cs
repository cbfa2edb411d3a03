using System.Globalization;
using System.Text;

namespace Akka.Configuration.Hocon;

/// <summary>An object of a configuration: keys in the order they were written.</summary>
public sealed class HoconObject
{
    public Dictionary<string, HoconValue> Items { get; } = new(StringComparer.Ordinal);

    public HoconValue GetKey(string key) => Items.GetValueOrDefault(key);

    /// <summary>A new object in which this one's values win over the other's, at every depth.</summary>
    internal HoconObject Over(HoconObject fallback)
    {
        var merged = new HoconObject();
        foreach ((string key, HoconValue value) in Items)
            merged.Items[key] = fallback.Items.TryGetValue(key, out HoconValue below) ? value.Over(below) : value;
        foreach ((string key, HoconValue value) in fallback.Items) merged.Items.TryAdd(key, value);
        return merged;
    }
}

/// <summary>A value of a configuration: an object, an array, or text that is read as what is asked for.</summary>
public sealed class HoconValue
{
    private readonly HoconObject _object;
    private readonly List<HoconValue> _array;
    private readonly string _text;

    internal HoconValue(HoconObject value) => _object = value;
    internal HoconValue(List<HoconValue> value) => _array = value;
    internal HoconValue(string value) => _text = value;

    public bool IsEmpty => _object is null ? _array is null && _text is null : _object.Items.Count == 0;
    public bool IsObject() => _object is not null;
    public bool IsArray() => _array is not null;
    public bool IsString() => _text is not null;
    public HoconObject GetObject() => _object;
    public HoconValue GetChildObject(string key) => _object?.GetKey(key);
    public string GetString() => _text;
    public Config ToConfig() => new(this);

    /// <summary>The elements of an array; of an object with the keys 0, 1, 2 …, its values.</summary>
    public IList<HoconValue> GetArray()
    {
        if (_array is not null) return _array;
        if (_object is not null && _object.Items.Keys.All(key => int.TryParse(key, out _)))
            return [.. _object.Items.OrderBy(item => int.Parse(item.Key, CultureInfo.InvariantCulture)).Select(item => item.Value)];
        throw Wrong("an array");
    }

    public IList<string> GetStringList() => [.. GetArray().Select(value => value.GetString())];
    public int GetInt() => checked((int)GetLong());

    public long GetLong() =>
        long.TryParse(_text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long whole) ? whole
        : HasHexPrefix && long.TryParse(_text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out long hex) ? hex
        : throw Wrong("a whole number");

    private bool HasHexPrefix => _text?.StartsWith("0x", StringComparison.OrdinalIgnoreCase) == true;

    public double GetDouble() =>
        double.TryParse(_text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : throw Wrong("a number");

    public bool GetBoolean() => _text switch
    {
        "on" or "true" => true,
        "off" or "false" => false,
        _ => throw Wrong("on or off"),
    };

    /// <summary>A duration; a number without unit is in milliseconds; "infinite" is <see cref="Timeout.InfiniteTimeSpan"/>.</summary>
    public TimeSpan GetTimeSpan(bool allowInfinite = true)
    {
        if (allowInfinite && _text is "infinite") return Timeout.InfiniteTimeSpan;
        if (!TryUnit(out double amount, out string unit) || amount < 0) throw Wrong("a duration such as 500ms, 10s or 5 minutes");
        double milliseconds = unit switch
        {
            "" or "ms" or "milli" or "millis" or "millisecond" or "milliseconds" => amount,
            "ns" or "nano" or "nanos" or "nanosecond" or "nanoseconds" => amount / 1e6,
            "us" or "micro" or "micros" or "microsecond" or "microseconds" => amount / 1e3,
            "s" or "second" or "seconds" => amount * 1e3,
            "m" or "minute" or "minutes" => amount * 60e3,
            "h" or "hour" or "hours" => amount * 3600e3,
            "d" or "day" or "days" => amount * 86400e3,
            _ => throw Wrong("a duration in ns, us, ms, s, m, h or d"),
        };
        return TimeSpan.FromTicks((long)(milliseconds * TimeSpan.TicksPerMillisecond));
    }

    /// <summary>A number of bytes: kB, MB … count in thousands; K, KiB, M, MiB … in 1024.</summary>
    public long? GetByteSize()
    {
        if (!TryUnit(out double amount, out string unit) || amount < 0) throw Wrong("a size such as 128000b, 64 KiB or 1 MB");
        return (long)(amount * Scale(unit));
    }

    private double Scale(string unit)
    {
        if (unit is "" or "b" or "B" or "byte" or "bytes") return 1;
        int power = "kmgtpe".IndexOf(char.ToLowerInvariant(unit[0])) + 1;
        string rest = unit[1..];
        if (power > 0 && rest is "" or "i" or "iB") return Math.Pow(1024, power);
        if (power > 0 && rest is "B") return Math.Pow(1000, power);
        string name = unit.TrimEnd('s') is { } word && word.EndsWith("byte", StringComparison.Ordinal) ? word[..^4] : "?";
        int thousands = Array.IndexOf(["", "kilo", "mega", "giga", "tera", "peta", "exa"], name);
        if (thousands > 0) return Math.Pow(1000, thousands);
        int binary = Array.IndexOf(["", "kibi", "mebi", "gibi", "tebi", "pebi", "exbi"], name);
        return binary > 0 ? Math.Pow(1024, binary) : throw Wrong("a size in b, kB, KiB, MB, MiB, GB or GiB");
    }

    private bool TryUnit(out double amount, out string unit)
    {
        string text = _text?.Trim() ?? "";
        int end = 0;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] is '.' or '-' or '+')) end++;
        unit = text[end..].Trim();
        return double.TryParse(text.AsSpan(0, end), NumberStyles.Float, CultureInfo.InvariantCulture, out amount);
    }

    internal HoconValue Over(HoconValue fallback) =>
        _object is not null && fallback._object is not null ? new HoconValue(_object.Over(fallback._object)) : this;

    private ConfigurationException Wrong(string expected) => new($"the value {ToString().Trim()} is not {expected}");

    public override string ToString() => ToString(0);

    public string ToString(int indent)
    {
        if (_object is null) return _array is null ? Quote(_text) : "[" + string.Join(",", _array.Select(value => value.ToString(indent))) + "]";
        var text = new StringBuilder("{\n");
        string margin = new(' ', 2 * (indent + 1));
        foreach ((string key, HoconValue value) in _object.Items)
        {
            string name = key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') && key.Length > 0 ? key : Quote(key);
            text.Append(margin).Append(name).Append(" : ").Append(value.ToString(indent + 1)).Append('\n');
        }

        return text.Append(' ', 2 * indent).Append('}').ToString();
    }

    private static string Quote(string text) => text is null ? "null"
        : text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? text
        : "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n").Replace("\r", "\\r").Replace("\t", "\\t") + "\"";
}
