namespace ActorRepl.Hosting.Status;

/// <summary>What <c>actorrepl lost list --json</c> prints.</summary>
public sealed record LostFiles(IReadOnlyList<LostFile> Files);

/// <summary>A file of entries that a failover took out of a node's log.</summary>
/// <param name="Epoch">In which the first of them was made.</param>
/// <param name="When">They were set aside, by the node's clock, UTC.</param>
public sealed record LostFile(string File, int Node, string Group, int Shard, int Entries, long First, long Last, long Epoch, string When, string Why);

/// <summary>What <c>actorrepl lost show --json</c> prints.</summary>
public sealed record LostContent(LostFile File, IReadOnlyList<LostEntry> Entries);

/// <param name="When">Its primary made it, by that node's clock, UTC.</param>
/// <param name="Command">In words, as far as the built-in machine knows them.</param>
/// <param name="Base64">The entry as it was in the log.</param>
/// <param name="Session">The client's id and the command's number there; null: of no session.</param>
public sealed record LostEntry(long Index, long Epoch, string When, string Command, string Base64, string? Session);
