namespace ActorRepl.Hosting.Settings;

/// <summary>
/// Finds where a text of HOCON breaks off. Akka.NET's parser takes a file that ends too early, or closes what was never
/// opened, and leaves out the rest without a word.
/// </summary>
internal static class HoconText
{
    /// <summary>What is not closed, or closed without having been opened, and the line it is on; null: all is well.</summary>
    public static string? Damage(string text)
    {
        var open = new Stack<(char Bracket, int At)>();
        for (int at = 0; at < text.Length; at++)
        {
            char c = text[at];
            if (IsComment(text, at))
            {
                at = EndOfLine(text, at);
            }
            else if (c == '"')
            {
                if (EndOfString(text, at) is not { } end)
                    return Say(text, at, "the string is not closed");
                at = end;
            }
            else if (c is '{' or '[')
            {
                open.Push((c, at));
            }
            else if (c is '}' or ']')
            {
                if (!open.TryPop(out (char Bracket, int At) opened))
                    return Say(text, at, $"'{c}' closes nothing");
                if (opened.Bracket != (c == '}' ? '{' : '['))
                    return Say(text, at, $"'{c}' does not close the '{opened.Bracket}' of line {Line(text, opened.At)}");
            }
        }

        return open.TryPop(out (char Bracket, int At) left) ? Say(text, left.At, $"'{left.Bracket}' is not closed") : null;
    }

    private static bool IsComment(string text, int at) =>
        text[at] == '#' || (text[at] == '/' && at + 1 < text.Length && text[at + 1] == '/');

    private static int EndOfLine(string text, int at) => text.IndexOf('\n', at) is var end and >= 0 ? end : text.Length;

    /// <summary>The last quote of a string; null if there is none on its line, or none at all after three quotes.</summary>
    private static int? EndOfString(string text, int at)
    {
        if (string.CompareOrdinal(text, at, "\"\"\"", 0, 3) == 0)
        {
            int end = text.IndexOf("\"\"\"", at + 3, StringComparison.Ordinal);
            while (end >= 0 && end + 3 < text.Length && text[end + 3] == '"')
                end++;
            return end < 0 ? null : end + 2;
        }

        for (int i = at + 1; i < text.Length && text[i] != '\n'; i++)
        {
            if (text[i] == '"')
                return i;
            if (text[i] == '\\')
                i++;
        }

        return null;
    }

    private static int Line(string text, int at) => 1 + text.AsSpan(0, at).Count('\n');

    private static string Say(string text, int at, string what) => $"line {Line(text, at)}: {what}";
}
