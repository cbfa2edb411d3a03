using System.Text;

namespace Akka.Configuration.Hocon;

/// <summary>Reads HOCON (Human-Optimized Config Object Notation) without includes.</summary>
internal sealed class HoconParser(string text)
{
    private const string NotInUnquoted = "$\"{}[]:=,+#`^?!@*&\\";
    private const int MaxDepth = 100;
    private int _at;
    private int _depth;

    /// <summary>Splits a dotted path; a quoted part may hold dots.</summary>
    public static IReadOnlyList<string> SplitPath(string path)
    {
        if (!path.Contains('"')) return path.Split('.');
        var parser = new HoconParser(path);
        List<string> keys = parser.KeyPath();
        return parser._at == path.Length ? keys : throw parser.Error("a path ends here");
    }

    public HoconValue Parse()
    {
        SkipBlank();
        var root = new Node();
        if (Peek() == '{')
        {
            root.Add(ObjectLiteral());
            SkipBlank();
            if (_at < text.Length) throw Error("nothing may follow the closing brace");
        }
        else
        {
            root.Add(Members('\0'));
        }

        return new Resolver(root).Resolve(root);
    }

    private Dictionary<string, Node> ObjectLiteral()
    {
        if (++_depth > MaxDepth) throw Error($"objects nest deeper than {MaxDepth}");
        _at++;
        Dictionary<string, Node> members = Members('}');
        _at++;
        _depth--;
        return members;
    }

    private Dictionary<string, Node> Members(char end)
    {
        var members = new Dictionary<string, Node>(StringComparer.Ordinal);
        while (true)
        {
            SkipBlank();
            if (_at == text.Length && end != '\0') throw Error("the object is not closed with '}'");
            if (Peek() == end) return members;
            Member(members);
        }
    }

    private void Member(Dictionary<string, Node> members)
    {
        List<string> keys = KeyPath();
        Dictionary<string, Node> scope = members;
        foreach (string key in keys.SkipLast(1)) scope = NodeOf(scope, key).ObjectPart();
        Node node = NodeOf(scope, keys[^1]);

        SkipSpaces();
        char sign = Peek();
        if (sign == '{') { node.Add(ObjectLiteral()); return; }
        if (sign is not (':' or '=')) throw Error($"after the key '{keys[^1]}' comes '=', ':' or '{{'");
        _at++;
        SkipBlank();
        var value = new Node();
        Value(value);
        node.Replace(value);

        // A comma ends a value, as in Akka.NET: not an object that was opened without '='.
        if (Peek() == ',') _at++;
    }

    private static Node NodeOf(Dictionary<string, Node> scope, string key)
    {
        if (!scope.TryGetValue(key, out Node node)) scope[key] = node = new Node();
        return node;
    }

    private List<string> KeyPath()
    {
        var keys = new List<string>();
        while (true)
        {
            SkipSpaces();
            keys.Add(Peek() == '"' ? Quoted() : UnquotedKey());
            SkipSpaces();
            if (Peek() != '.') return keys;
            _at++;
        }
    }

    private string UnquotedKey()
    {
        int start = _at;
        while (_at < text.Length && text[_at] != '.' && text[_at] is not ('\n' or '\r') && !NotInUnquoted.Contains(text[_at])) _at++;
        string key = text[start.._at].Trim();
        return key.Length > 0 ? key : throw Error("a key is expected");
    }

    /// <summary>A value is a run of pieces on one line: text, substitutions, objects, arrays.</summary>
    private void Value(Node node)
    {
        int pieces = 0;
        string spaces = "";
        while (_at < text.Length)
        {
            char c = text[_at];
            if (c is '\n' or '\r' or ',' or '}' or ']' || IsComment()) break;
            if (c is ' ' or '\t')
            {
                int start = _at;
                SkipSpaces();
                spaces = text[start.._at];
                continue;
            }

            if (pieces++ > 0 && spaces.Length > 0) node.AddSpaces(spaces);
            spaces = "";
            if (c == '{') node.Add(ObjectLiteral());
            else if (c == '[') node.Add(ArrayLiteral());
            else if (c == '"') node.Add(Quoted(), quoted: true);
            else if (c == '$' && Peek(1) == '{') node.Add(SubstitutionLiteral());
            else node.Add(Unquoted(), quoted: false);
        }

        if (pieces == 0) throw Error("a value is expected");
    }

    private List<Node> ArrayLiteral()
    {
        if (++_depth > MaxDepth) throw Error($"arrays nest deeper than {MaxDepth}");
        _at++;
        var items = new List<Node>();
        while (true)
        {
            SkipBlank(commas: true);
            if (_at == text.Length) throw Error("the array is not closed with ']'");
            if (text[_at] == ']') break;
            if (text[_at] == '}') throw Error("'}' closes no object here");
            var item = new Node();
            Value(item);
            items.Add(item);
        }

        _at++;
        _depth--;
        return items;
    }

    private Substitution SubstitutionLiteral()
    {
        (int Line, int Column) place = Place();
        _at += 2;
        bool optional = Peek() == '?';
        if (optional) _at++;
        int close = text.IndexOf('}', _at);
        if (close < 0) throw Error("the substitution is not closed with '}'");
        string path = text[_at..close].Trim();
        _at = close + 1;
        return new Substitution(path, optional, place.Line, place.Column);
    }

    private string Unquoted()
    {
        int start = _at;
        while (_at < text.Length && text[_at] is not (' ' or '\t' or '\n' or '\r') && !NotInUnquoted.Contains(text[_at]) && !IsComment())
            _at++;
        if (_at == start) throw Error($"'{text[_at]}' is not allowed in an unquoted value; put the value in double quotes");
        return text[start.._at];
    }

    private string Quoted()
    {
        if (string.CompareOrdinal(text, _at, "\"\"\"", 0, 3) == 0) return TripleQuoted();
        (int Line, int Column) place = Place();
        _at++;
        var value = new StringBuilder();
        while (true)
        {
            if (_at == text.Length || text[_at] is '\n') throw Error("the string is not closed with '\"'", place);
            char c = text[_at++];
            if (c == '"') return value.ToString();
            value.Append(c == '\\' ? Escape() : c);
        }
    }

    private char Escape()
    {
        char c = _at < text.Length ? text[_at++] : '\0';
        switch (c)
        {
            case 'n': return '\n';
            case 't': return '\t';
            case 'r': return '\r';
            case 'b': return '\b';
            case 'f': return '\f';
            case '"' or '\\' or '/': return c;
            case 'u' when _at + 4 <= text.Length && ushort.TryParse(text.AsSpan(_at, 4),
                System.Globalization.NumberStyles.HexNumber, null, out ushort code):
                _at += 4;
                return (char)code;
            default: throw Error($"'\\{c}' is no escape; allowed are \\n \\t \\r \\b \\f \\\" \\\\ \\/ and \\u with four digits");
        }
    }

    private string TripleQuoted()
    {
        int end = text.IndexOf("\"\"\"", _at + 3, StringComparison.Ordinal);
        if (end < 0) throw Error("the string is not closed with three quotes");
        while (end + 3 < text.Length && text[end + 3] == '"') end++;
        string value = text[(_at + 3)..end];
        _at = end + 3;
        return value;
    }

    private char Peek(int ahead = 0) => _at + ahead < text.Length ? text[_at + ahead] : '\0';
    private bool IsComment() => text[_at] == '#' || (text[_at] == '/' && Peek(1) == '/');

    private void SkipSpaces()
    {
        while (Peek() is ' ' or '\t') _at++;
    }

    private void SkipBlank(bool commas = false)
    {
        while (_at < text.Length)
        {
            if (char.IsWhiteSpace(text[_at]) || text[_at] == '\uFEFF' || (commas && text[_at] == ',')) _at++;
            else if (IsComment()) while (_at < text.Length && text[_at] != '\n') _at++;
            else return;
        }
    }

    private (int Line, int Column) Place()
    {
        int line = 1 + text.AsSpan(0, _at).Count('\n');
        return (line, _at - text.LastIndexOf('\n', Math.Max(_at - 1, 0), Math.Max(_at, 0)));
    }

    private ConfigurationException Error(string what) => Error(what, Place());

    private static ConfigurationException Error(string what, (int Line, int Column) place) =>
        new($"line {place.Line}, column {place.Column}: {what}.");
}
