namespace Akka.Configuration.Hocon;

/// <summary>A reference to another setting, or to an environment variable.</summary>
internal sealed record Substitution(string Path, bool Optional, int Line, int Column);

/// <summary>A value as it was written: pieces, still with substitutions, and what an earlier line gave the same key.</summary>
internal sealed class Node
{
    /// <summary>Text, spaces between pieces, <see cref="Substitution"/>, members, or a list of nodes.</summary>
    public List<object> Pieces { get; private set; } = [];

    /// <summary>The pieces this key had before it was set again: what a reference to itself means.</summary>
    public List<object> Earlier { get; private set; } = [];

    public void Set(Dictionary<string, Node> members) => Pieces = [members];

    /// <summary>Starts a new value for the key; what it had is kept until <see cref="Commit"/>.</summary>
    public Node Begin()
    {
        Earlier = Pieces;
        Pieces = [];
        return this;
    }

    /// <summary>An object written over an object adds to it; anything else replaces.</summary>
    public void Commit()
    {
        bool addsToObject = Pieces is [Dictionary<string, Node>] && Earlier.LastOrDefault() is Dictionary<string, Node> or Substitution;
        if (!addsToObject) return;
        var members = (Dictionary<string, Node>)Pieces[0];
        Pieces = [.. Earlier];
        Add(members);
    }

    public void Add(Dictionary<string, Node> members)
    {
        if (Pieces.LastOrDefault() is Dictionary<string, Node> last)
        {
            foreach ((string key, Node node) in members)
            {
                if (last.TryGetValue(key, out Node there)) there.Replace(node);
                else last[key] = node;
            }

            return;
        }

        if (Pieces.LastOrDefault() is not Substitution) Pieces = [];
        Pieces.Add(members);
    }

    public void Add(List<Node> items) => Pieces.Add(items);
    public void Add(Substitution substitution) => Pieces.Add(substitution);
    public void Add(string value, bool quoted) => Pieces.Add(value == "null" && !quoted ? Null.Instance : value);
    public void AddSpaces(string spaces) => Pieces.Add(new Spaces(spaces));
    public void Append(Node element) => Pieces.Add(new List<Node> { element });

    /// <summary>The members of this value, for a dotted key that goes on below it.</summary>
    public Dictionary<string, Node> ObjectPart()
    {
        if (Pieces.LastOrDefault() is not Dictionary<string, Node>) Add(new Dictionary<string, Node>(StringComparer.Ordinal));
        return (Dictionary<string, Node>)Pieces[^1];
    }

    private void Replace(Node later)
    {
        Begin();
        Pieces = later.Pieces;
        Commit();
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
        value = Join(node, node.Pieces);
        _busy.Remove(node);
        return _done[node] = value;
    }

    private HoconValue Join(Node owner, List<object> pieces)
    {
        HoconValue result = null;
        string pending = "";
        foreach (object piece in pieces)
        {
            if (piece is Node.Spaces spaces)
            {
                pending = spaces.Text;
                continue;
            }

            if (Piece(owner, piece) is not { } value) continue;
            result = result is null ? value : Concat(result, pending, value);
            pending = "";
        }

        return result;
    }

    private HoconValue Piece(Node owner, object piece)
    {
        switch (piece)
        {
            case string text: return new HoconValue(text);
            case Node.Null: return new HoconValue((string)null);
            case List<Node> items: return new HoconValue([.. items.Select(Resolve).Where(value => value is not null)]);
            case Substitution substitution: return Follow(owner, substitution);
            default: return Members((Dictionary<string, Node>)piece);
        }
    }

    private HoconValue Members(Dictionary<string, Node> members)
    {
        var resolved = new HoconObject();
        foreach ((string key, Node node) in members)
        {
            if (Resolve(node) is { } value) resolved.Items[key] = value;
        }

        return new HoconValue(resolved);
    }

    private static HoconValue Concat(HoconValue left, string spaces, HoconValue right)
    {
        if (left.IsObject() && right.IsObject()) return right.Over(left);
        if (left.IsArray() && right.IsArray()) return new HoconValue([.. left.GetArray(), .. right.GetArray()]);
        if (left.IsString() && right.IsString()) return new HoconValue(left.GetString() + spaces + right.GetString());
        if (right.IsObject() || right.IsArray()) return right;
        throw new ConfigurationException($"the values {left} and {right} cannot be joined: one is text, the other is not.");
    }

    private HoconValue Follow(Node owner, Substitution substitution)
    {
        Node target = Find(substitution.Path);
        if (target is not null && ReferenceEquals(target, owner))
        {
            List<object> earlier = owner.Earlier;
            if (earlier.Count > 0) return Join(owner, earlier);
            target = null;
        }

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
            Node next = null;
            foreach (object piece in node.Pieces)
            {
                if (piece is Dictionary<string, Node> members && members.TryGetValue(key, out Node found)) next = found;
                else if (piece is Substitution through && Find(through.Path + "." + key) is { } below) next ??= below;
            }

            if (next is null) return null;
            node = next;
        }

        return node;
    }

    private static ConfigurationException Error(Substitution at, string what) =>
        new($"line {at.Line}, column {at.Column}: ${{{at.Path}}} {what}.");
}
