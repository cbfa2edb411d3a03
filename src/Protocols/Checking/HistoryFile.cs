using System.Globalization;
using System.Text;

namespace ActorRepl.Protocols.Checking;

/// <summary>
/// Histories as text, one event a line: <c>{:process 0, :type :invoke, :f :put, :key "k", :value "v"}</c>. Types are
/// <c>:invoke</c>, <c>:ok</c>, <c>:info</c> (outcome unknown) and <c>:fail</c> (certainly not done); operations are
/// <c>:get</c>, <c>:put</c>, <c>:append</c>, <c>:delete</c> and <c>:cas</c>, whose value is <c>["expected" "new"]</c> and
/// whose <c>:ok</c> means that it wrote. An <c>:ok</c> of a <c>:get</c> carries what was read. Time is the line's number.
/// </summary>
public static class HistoryFile
{
    /// <exception cref="InvalidDataException">A line is no event, or a process returns without a call; names the line.</exception>
    public static IReadOnlyList<RecordedOperation> Parse(TextReader lines)
    {
        var finished = new List<RecordedOperation>();
        var open = new Dictionary<int, RecordedOperation>();
        for (int number = 1; lines.ReadLine() is { } line; number++)
        {
            if (line.Trim().Length == 0)
                continue;
            try
            {
                Take(EventLine.Parse(line), number, open, finished);
            }
            catch (InvalidDataException problem)
            {
                throw new InvalidDataException($"line {number}: {problem.Message}", problem);
            }
        }

        finished.AddRange(open.Values);
        finished.Sort((left, right) => left.Called.CompareTo(right.Called));
        return finished;
    }

    /// <summary>Writes a history so that <see cref="Parse"/> reads it back in the same order of calls and returns.</summary>
    public static void Write(TextWriter target, IEnumerable<RecordedOperation> history)
    {
        var events = new List<(long Time, bool IsReturn, RecordedOperation Operation)>();
        foreach (RecordedOperation operation in history)
        {
            events.Add((operation.Called, false, operation));
            if (!operation.IsOutcomeUnknown)
                events.Add((operation.Returned, true, operation));
        }

        foreach ((_, bool isReturn, RecordedOperation operation) in events.OrderBy(item => item.Time).ThenBy(item => item.IsReturn))
            target.WriteLine(Show(operation, isReturn));
    }

    private static void Take(EventLine line, int number, Dictionary<int, RecordedOperation> open, List<RecordedOperation> finished)
    {
        if (line.Type == "invoke")
        {
            // A process that calls again never learned what became of its last call.
            if (open.Remove(line.Process, out RecordedOperation? abandoned))
                finished.Add(abandoned);
            open.Add(line.Process, line.Call(number));
            return;
        }

        if (!open.Remove(line.Process, out RecordedOperation? call))
            throw new InvalidDataException($"process {line.Process} returns without a call");
        switch (line.Type)
        {
            case "ok":
                finished.Add(line.Return(call, number));
                break;
            case "info":
                finished.Add(call);
                break;
            case "fail":
                break;
            default:
                throw new InvalidDataException($"unknown type :{line.Type}; it must be :invoke, :ok, :info or :fail");
        }
    }

    private static string Show(RecordedOperation operation, bool isReturn)
    {
        bool failed = operation is { Action: RecordedAction.CompareAndSet, Succeeded: false };
        string type = !isReturn ? "invoke" : failed ? "fail" : "ok";
        string value = operation.Action switch
        {
            RecordedAction.Read when !isReturn => "nil",
            RecordedAction.Delete => "nil",
            RecordedAction.CompareAndSet => $"[{Quote(operation.Expected)} {Quote(operation.Value)}]",
            _ => Quote(operation.Value),
        };
        string name = EventLine.Names.First(pair => pair.Value == operation.Action).Key;
        return $"{{:process {operation.Client}, :type :{type}, :f :{name}, :key {Quote(operation.Key)}, :value {value}}}";
    }

    private static string Quote(string value) => $"\"{value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\"";

    /// <summary>One line's fields.</summary>
    private sealed class EventLine
    {
        public static readonly Dictionary<string, RecordedAction> Names = new()
        {
            ["get"] = RecordedAction.Read,
            ["put"] = RecordedAction.Write,
            ["append"] = RecordedAction.Append,
            ["cas"] = RecordedAction.CompareAndSet,
            ["delete"] = RecordedAction.Delete,
        };

        private readonly Dictionary<string, List<string>> _fields = [];

        public int Process => int.TryParse(One("process"), NumberStyles.None, CultureInfo.InvariantCulture, out int process)
            ? process
            : throw new InvalidDataException($":process is {One("process")}; it must be a number");

        public string Type => One("type");

        public static EventLine Parse(string line)
        {
            var parsed = new EventLine();
            List<string>? field = null;
            foreach ((string token, bool isKeyword) in Tokens(line))
            {
                if (isKeyword && (field is null || field.Count > 0))
                    parsed._fields[token] = field = [];
                else if (field is null)
                    throw new InvalidDataException($"'{token}' where a field such as :process was expected");
                else
                    field.Add(token);
            }

            return parsed;
        }

        public RecordedOperation Call(int number)
        {
            if (!Names.TryGetValue(One("f"), out RecordedAction action))
                throw new InvalidDataException($"unknown operation :{One("f")}; it must be one of :{string.Join(", :", Names.Keys)}");
            List<string> values = Field("value");
            int needed = action == RecordedAction.CompareAndSet ? 2 : 1;
            if (values.Count != needed)
                throw new InvalidDataException($"a :{One("f")} has {needed} value(s), here {values.Count}");
            return new RecordedOperation
            {
                Client = Process,
                Action = action,
                Key = One("key"),
                Value = action is RecordedAction.Read or RecordedAction.Delete ? "" : values[^1],
                Expected = needed == 2 ? values[0] : "",
                Called = number,
                Returned = RecordedOperation.Never,
            };
        }

        public RecordedOperation Return(RecordedOperation call, int number) => call with
        {
            Returned = number,
            Value = call.Action == RecordedAction.Read ? One("value") : call.Value,
            Succeeded = call.Action == RecordedAction.CompareAndSet ? true : null,
        };

        private string One(string name)
        {
            List<string> values = Field(name);
            return values.Count == 1 ? values[0] : throw new InvalidDataException($":{name} has {values.Count} values");
        }

        private List<string> Field(string name) =>
            _fields.TryGetValue(name, out List<string>? values) ? values : throw new InvalidDataException($":{name} is missing");

        private static IEnumerable<(string Token, bool IsKeyword)> Tokens(string line)
        {
            for (int i = 0; i < line.Length;)
            {
                char c = line[i];
                if (char.IsWhiteSpace(c) || c is ',' or '{' or '}' or '[' or ']')
                {
                    i++;
                }
                else if (c == '"')
                {
                    yield return (Unquote(line, ref i), false);
                }
                else
                {
                    int start = i;
                    while (i < line.Length && !char.IsWhiteSpace(line[i]) && line[i] is not (',' or '}' or ']' or '"'))
                        i++;
                    string token = line[start..i];
                    yield return c == ':' ? (token[1..], true) : (token == "nil" ? "" : token, false);
                }
            }
        }

        private static string Unquote(string line, ref int i)
        {
            var text = new StringBuilder();
            for (i++; i < line.Length; i++)
            {
                if (line[i] == '"')
                {
                    i++;
                    return text.ToString();
                }

                if (line[i] == '\\' && i + 1 < line.Length)
                    text.Append(line[++i] == 'n' ? '\n' : line[i]);
                else
                    text.Append(line[i]);
            }

            throw new InvalidDataException("a text is not closed by a quotation mark");
        }
    }
}
