namespace ActorRepl.Protocols.Checking;

/// <summary>
/// One key as a sequential object. States are values, named by small numbers so that comparing and hashing them costs
/// nothing however long they are; 0 is the empty value of a missing key.
/// </summary>
internal sealed class RegisterModel
{
    public const int Missing = 0;
    private readonly List<string> _values = [""];
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal) { [""] = Missing };
    private readonly Dictionary<(int State, int Suffix), int> _appended = [];

    public int Name(string value)
    {
        if (_names.TryGetValue(value, out int name))
            return name;
        _names.Add(value, _values.Count);
        _values.Add(value);
        return _values.Count - 1;
    }

    public string ValueOf(int state) => _values[state];

    /// <summary>Runs an operation; false: it cannot have returned what it did in this state.</summary>
    public bool Step(in Operation operation, int state, out int next)
    {
        next = state;
        switch (operation.Action)
        {
            case RecordedAction.Read:
                return operation.Value == state;
            case RecordedAction.Write:
                next = operation.Value;
                return true;
            case RecordedAction.Append:
                next = Append(state, operation.Value);
                return true;
            case RecordedAction.CompareAndSet:
                bool matches = operation.Expected == state;
                next = matches ? operation.Value : state;
                return operation.Succeeded is not { } did || did == matches;
            case RecordedAction.Delete:
                next = Missing;
                return operation.Succeeded is not { } found || found == (state != Missing);
            default:
                throw new ArgumentOutOfRangeException(nameof(operation), operation.Action, "an unknown action");
        }
    }

    private int Append(int state, int suffix)
    {
        if (!_appended.TryGetValue((state, suffix), out int next))
            _appended.Add((state, suffix), next = Name(_values[state] + _values[suffix]));
        return next;
    }

    /// <summary>An operation with its values named.</summary>
    public readonly record struct Operation(RecordedAction Action, int Value, int Expected, bool? Succeeded);
}
