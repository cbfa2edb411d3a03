namespace ActorRepl.Protocols.Checking;

/// <summary>Records what clients do, for the checker. Thread-safe; times are the order of these calls.</summary>
public sealed class HistoryRecorder
{
    private readonly Lock _lock = new();
    private readonly List<RecordedOperation?> _operations = [];
    private long _time;

    /// <summary>What was recorded; calls that have not returned are there as outcome unknown.</summary>
    public IReadOnlyList<RecordedOperation> Operations
    {
        get
        {
            lock (_lock)
                return [.. _operations.OfType<RecordedOperation>()];
        }
    }

    /// <summary>Just before the request is sent. Returns the number to end it with.</summary>
    public int Call(int client, RecordedAction action, string key, string value = "", string expected = "")
    {
        lock (_lock)
        {
            _operations.Add(new RecordedOperation
            {
                Client = client,
                Action = action,
                Key = key,
                Value = value,
                Expected = expected,
                Called = ++_time,
                Returned = RecordedOperation.Never,
            });
            return _operations.Count - 1;
        }
    }

    /// <summary>The reply has come. For a read, <paramref name="value"/> is what it returned.</summary>
    public void Return(int number, string? value = null, bool? succeeded = null)
    {
        lock (_lock)
        {
            RecordedOperation call = _operations[number]!;
            _operations[number] = call with { Returned = ++_time, Value = value ?? call.Value, Succeeded = succeeded };
        }
    }

    /// <summary>It is certain that nothing was done. A call that is neither returned nor failed stays unknown.</summary>
    public void Fail(int number)
    {
        lock (_lock)
            _operations[number] = null;
    }
}
