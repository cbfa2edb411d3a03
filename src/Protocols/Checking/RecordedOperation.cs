using System.Text;

namespace ActorRepl.Protocols.Checking;

/// <summary>What an operation on one key does. A missing key reads as the empty text.</summary>
public enum RecordedAction : byte
{
    Read = 1,
    Write = 2,
    Append = 3,

    /// <summary>Writes <see cref="RecordedOperation.Value"/> if the key has <see cref="RecordedOperation.Expected"/>.</summary>
    CompareAndSet = 4,
    Delete = 5,
}

/// <summary>
/// One operation as its client saw it. Times are positions on one clock for the whole history, such as the number of
/// the event; a call at the time of another's return counts as concurrent with it.
/// </summary>
public sealed record RecordedOperation
{
    /// <summary>The time of an operation that never returned: it may have happened at any time after its call, or not at all.</summary>
    public const long Never = long.MaxValue;

    public required int Client { get; init; }
    public required RecordedAction Action { get; init; }
    public required string Key { get; init; }

    /// <summary>What was written or appended; for a read, what it returned.</summary>
    public string Value { get; init; } = "";

    /// <summary>For compare-and-set: the value that was required; empty: a missing key.</summary>
    public string Expected { get; init; } = "";

    /// <summary>Whether a compare-and-set did write, or a delete found something; null: not known.</summary>
    public bool? Succeeded { get; init; }

    public required long Called { get; init; }
    public required long Returned { get; init; }

    public bool IsOutcomeUnknown => Returned == Never;

    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append('[').Append(Called).Append(" … ").Append(IsOutcomeUnknown ? "never" : Returned.ToString()).Append("] client ").Append(Client).Append(": ");
        text.Append(Action switch
        {
            RecordedAction.Read => IsOutcomeUnknown ? "read" : $"read {Show(Value)}",
            RecordedAction.Write => $"write {Show(Value)}",
            RecordedAction.Append => $"append {Show(Value)}",
            RecordedAction.CompareAndSet => $"compare {Show(Expected)} and set {Show(Value)}",
            _ => "delete",
        });
        if (Succeeded is { } succeeded)
            text.Append(succeeded ? ", which it did" : ", which it did not");
        return text.ToString();
    }

    // The end of a long value tells more than its beginning: that is where appends go.
    internal static string Show(string value) => value.Length <= 120 ? $"\"{value}\"" : $"\"…{value[^110..]}\" ({value.Length} characters)";
}
