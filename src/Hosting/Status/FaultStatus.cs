namespace ActorRepl.Hosting.Status;

/// <summary>What <c>/faults</c> of a node says: the faults that are in force there.</summary>
public sealed record FaultsReport(int Node, IReadOnlyList<FaultEntry> Faults)
{
    /// <summary>What was done, where it leaves no fault in the list.</summary>
    public string? Done { get; init; }
}

/// <param name="Kind">As the command names it.</param>
/// <param name="To">Of links: the node at the other end; 0: every other one. Null: it is the disk's.</param>
/// <param name="Detail">How much; empty where there is nothing to say.</param>
/// <param name="EndsInSeconds">Null: it ends when it is cleared.</param>
public sealed record FaultEntry(string Kind, int? To, string Detail, double? EndsInSeconds);
