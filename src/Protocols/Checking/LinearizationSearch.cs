namespace ActorRepl.Protocols.Checking;

/// <summary>Where the longest order that was found ends.</summary>
internal sealed record StuckPoint(
    int Done,
    string State,
    RecordedOperation? Waiting,
    IReadOnlyList<RecordedOperation> Before,
    IReadOnlyList<RecordedOperation> Concurrent);

/// <summary>
/// Looks for an order of one key's operations that a register could have produced. Calls and returns lie in a list in
/// order of time. An operation may come next if its call is reached before any return: it is then lifted out of the
/// list, and put back when the order turns out to lead nowhere. A configuration seen before is not tried again.
/// </summary>
internal sealed class LinearizationSearch
{
    private const int Head = 0;
    private const int End = -1;
    private const int Context = 5;
    private const int StepsBetweenClockReadings = 4096;

    private readonly RecordedOperation[] _operations;
    private readonly RegisterModel _model = new();
    private readonly RegisterModel.Operation[] _named;
    private readonly int _mustReturn;
    private readonly long _deadline;

    // The list: place 0 is its head; a place holds the call or the return of an operation.
    private readonly int[] _next;
    private readonly int[] _previous;
    private readonly int[] _operationAt;
    private readonly int[] _returnOf;

    private readonly ulong[] _done;
    private readonly List<(int Place, int State)> _order = [];
    private readonly ConfigurationSet _seen;
    private int _returned;
    private int _state = RegisterModel.Missing;
    private int _place;

    private int[] _longest = [];
    private int _longestState;
    private int _longestWaiting = End;

    public LinearizationSearch(IReadOnlyList<RecordedOperation> operations, long deadline)
    {
        // A read whose result is not known says nothing.
        _operations = [.. operations.Where(operation => !(operation.IsOutcomeUnknown && operation.Action == RecordedAction.Read))];
        _named = Array.ConvertAll(
            _operations,
            operation => new RegisterModel.Operation(operation.Action, _model.Name(operation.Value), _model.Name(operation.Expected), operation.Succeeded));
        _mustReturn = _operations.Count(operation => !operation.IsOutcomeUnknown);
        _deadline = deadline;

        int places = 1 + _operations.Length + _mustReturn;
        _next = new int[places];
        _previous = new int[places];
        _operationAt = new int[places];
        _returnOf = new int[places];
        _done = new ulong[(_operations.Length + 63) / 64];
        _seen = new ConfigurationSet(_done.Length);
        Lay();
        _place = _next[Head];
    }

    /// <summary>Operations that take part.</summary>
    public int Count => _operations.Length;

    public int Configurations => _seen.Count;

    public StuckPoint Stuck => new(
        _longest.Length,
        _model.ValueOf(_longestState),
        _longestWaiting == End ? null : _operations[_longestWaiting],
        [.. _longest.TakeLast(Context).Select(number => _operations[number])],
        [.. Concurrent()]);

    /// <summary>Searches until it knows, or has seen so many configurations; called again, it goes on from there.</summary>
    public Linearizability Run(int maxConfigurations)
    {
        int untilClock = StepsBetweenClockReadings;
        while (_returned < _mustReturn)
        {
            int operation = _operationAt[_place];
            bool isCall = _returnOf[_place] != _place;
            if (isCall && TryLift(operation, _place, _state, out int next))
            {
                _state = next;
                _place = _next[Head];
                if (_seen.Count >= maxConfigurations || IsLate(ref untilClock))
                    return Linearizability.Unknown;
            }
            else if (isCall)
            {
                _place = _next[_place];
            }
            else
            {
                // A return is reached, so its operation had to come by now: the latest choice is taken back.
                Remember(_state, operation);
                if (_order.Count == 0)
                    return Linearizability.NotLinearizable;
                _place = _next[PutBack(out _state)];
            }
        }

        return Linearizability.Linearizable;
    }

    private bool IsLate(ref int untilClock)
    {
        if (--untilClock > 0)
            return false;
        untilClock = StepsBetweenClockReadings;
        return Environment.TickCount64 > _deadline;
    }

    private bool TryLift(int operation, int place, int state, out int next)
    {
        if (!_model.Step(_named[operation], state, out next))
            return false;
        _done[operation >> 6] |= 1UL << operation;
        if (!_seen.Add(_done, next))
        {
            _done[operation >> 6] &= ~(1UL << operation);
            return false;
        }

        _order.Add((place, state));
        Unlink(place);
        if (_returnOf[place] != End)
        {
            Unlink(_returnOf[place]);
            _returned++;
        }

        return true;
    }

    private int PutBack(out int state)
    {
        (int place, state) = _order[^1];
        _order.RemoveAt(_order.Count - 1);
        int operation = _operationAt[place];
        _done[operation >> 6] &= ~(1UL << operation);
        if (_returnOf[place] != End)
        {
            Relink(_returnOf[place]);
            _returned--;
        }

        Relink(place);
        return place;
    }

    private void Unlink(int place)
    {
        _next[_previous[place]] = _next[place];
        if (_next[place] != End)
            _previous[_next[place]] = _previous[place];
    }

    private void Relink(int place)
    {
        _next[_previous[place]] = place;
        if (_next[place] != End)
            _previous[_next[place]] = place;
    }

    private void Lay()
    {
        var events = new List<(long Time, bool IsReturn, int Operation)>(_next.Length);
        for (int i = 0; i < _operations.Length; i++)
        {
            events.Add((_operations[i].Called, false, i));
            if (!_operations[i].IsOutcomeUnknown)
                events.Add((_operations[i].Returned, true, i));
        }

        events.Sort();
        int[] callOf = new int[_operations.Length];
        for (int i = 0; i < events.Count; i++)
        {
            int place = i + 1;
            (_, bool isReturn, int operation) = events[i];
            _operationAt[place] = operation;
            _returnOf[place] = isReturn ? place : End;
            if (isReturn)
                _returnOf[callOf[operation]] = place;
            else
                callOf[operation] = place;
            _previous[place] = place - 1;
            _next[place - 1] = place;
        }

        _next[events.Count] = End;
    }

    private void Remember(int state, int waiting)
    {
        if (_longestWaiting != End && _order.Count <= _longest.Length)
            return;
        _longest = [.. _order.Select(step => _operationAt[step.Place])];
        _longestState = state;
        _longestWaiting = waiting;
    }

    private IEnumerable<RecordedOperation> Concurrent()
    {
        if (_longestWaiting == End)
            return [];
        RecordedOperation waiting = _operations[_longestWaiting];
        var done = new HashSet<int>(_longest);
        return _operations
            .Where((operation, number) => number != _longestWaiting && !done.Contains(number) && operation.Called <= waiting.Returned)
            .OrderBy(operation => operation.Called)
            .Take(2 * Context);
    }
}
