namespace Akka.Configuration.Hocon;

/// <summary>A reference to another setting, or to an environment variable.</summary>
internal sealed record Substitution(string Path, bool Optional, int Line, int Column);

/// <summary>A value as it was written: in pieces, with its substitutions.</summary>
internal sealed class Node
{
    /// <summary>Text, spaces between pieces, <see cref="Substitution"/>, members, or a list of nodes.</summary>
    public List<object> Pieces { get; private set; } = [];

    /// <summary>An object adds to an object, and replaces anything else.</summary>
    public void Add(Dictionary<string, Node> members)
    {
        if (Pieces is not [Dictionary<string, Node> mine])
        {
            Pieces = [members];
            return;
        }

        foreach ((string key, Node node) in members)
        {
            if (mine.TryGetValue(key, out Node there)) there.Replace(node);
            else mine[key] = node;
        }
    }

    public void Replace(Node later)
    {
        if (later.Pieces is [Dictionary<string, Node> members]) Add(members);
        else Pieces = later.Pieces;
    }

    public void Add(List<Node> items) => Pieces.Add(items);
    public void Add(Substitution substitution) => Pieces.Add(substitution);
    public void Add(string value, bool quoted) => Pieces.Add(value == "null" && !quoted ? Null.Instance : value);
    public void AddSpaces(string spaces) => Pieces.Add(new Spaces(spaces));

    /// <summary>The members of this value, for a dotted key that goes on below it.</summary>
    public Dictionary<string, Node> ObjectPart()
    {
        if (Pieces is not [Dictionary<string, Node>]) Pieces = [new Dictionary<string, Node>(StringComparer.Ordinal)];
        return (Dictionary<string, Node>)Pieces[0];
    }

    internal sealed record Spaces(string Text);

    internal sealed class Null
    {
        public static readonly Null Instance = new();
    }
}

/// <summary>Turns nodes into values, following substitutions.</summary>
internal sealed class Resolver(Node root)
{
    private readonly Dictionary<Node, HoconValue> _done = [];
    private readonly HashSet<Node> _busy = [];

    /// <summary>The node's value, or null if all of it is optional substitutions without a value.</summary>
    public HoconValue Resolve(Node node)
    {
        if (_done.TryGetValue(node, out HoconValue value)) return value;
        _busy.Add(node);
        string pending = "";
        foreach (object piece in node.Pieces)
        {
            if (piece is Node.Spaces spaces)
            {
                pending = spaces.Text;
            }
            else if (Piece(piece) is { } next)
            {
                value = value is null ? next : Concat(value, pending, next);
                pending = "";
            }
        }

        _busy.Remove(node);
        return _done[node] = value;
    }

    private HoconValue Piece(object piece)
    {
        switch (piece)
        {
            case string text: return new HoconValue(text);
            case Node.Null: return new HoconValue((string)null);
            case List<Node> items: return new HoconValue([.. items.Select(Resolve).Where(value => value is not null)]);
            case Substitution substitution: return Follow(substitution);
        }

        var resolved = new HoconObject();
        foreach ((string key, Node node) in (Dictionary<string, Node>)piece)
        {
            if (Resolve(node) is { } value) resolved.Items[key] = value;
        }

        return new HoconValue(resolved);
    }

    private static HoconValue Concat(HoconValue left, string spaces, HoconValue right)
    {
        if (left.IsString() && right.IsString()) return new HoconValue(left.GetString() + spaces + right.GetString());
        if (left.IsArray() && right.IsArray()) return new HoconValue([.. left.GetArray(), .. right.GetArray()]);
        throw new ConfigurationException($"the values {left} and {right} cannot be joined: only text with text and list with list can.");
    }

    private HoconValue Follow(Substitution substitution)
    {
        Node target = Find(substitution.Path);
        if (target is not null && _busy.Contains(target)) throw Error(substitution, "refers to itself in a circle");
        HoconValue value = target is null ? null : Resolve(target);
        if (value is null && Environment.GetEnvironmentVariable(substitution.Path) is { } variable) value = new HoconValue(variable);
        if (value is null && !substitution.Optional) throw Error(substitution, "is not set here, nor is it an environment variable");
        return value;
    }

    private Node Find(string path)
    {
        Node node = root;
        foreach (string key in HoconParser.SplitPath(path))
        {
            if (node.Pieces is [Substitution through]) node = Find(through.Path);
            if (node?.Pieces is not [Dictionary<string, Node> members] || !members.TryGetValue(key, out node)) return null;
        }

        return node;
    }

    private static ConfigurationException Error(Substitution at, string what) =>
        new($"line {at.Line}, column {at.Column}: ${{{at.Path}}} {what}.");
}
