using ActorRepl.Actors.Client;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>Which kinds of request are reads, and what goes together.</summary>
internal static class Reads
{
    public static bool IsRead(RequestKind kind) =>
        kind is RequestKind.Read or RequestKind.StaleRead or RequestKind.FollowerRead or RequestKind.BoundedRead or RequestKind.SessionRead;

    /// <summary>Why no such read can be made; null: it can.</summary>
    public static string? Refusal(RequestKind kind, ReadFrom from, LogPosition atLeast)
    {
        if (!IsRead(kind))
            return $"a query is of kind {RequestKind.Read}, {RequestKind.FollowerRead}, {RequestKind.BoundedRead}, {RequestKind.SessionRead} or {RequestKind.StaleRead}, not {kind}";
        if (from > ReadFrom.Nearest)
            return $"there is no read preference {(byte)from}";
        if (kind == RequestKind.FollowerRead && from == ReadFrom.Primary)
            return $"a {RequestKind.FollowerRead} is answered by any replica, not by the {ReadFrom.Primary} alone: that is a {RequestKind.Read}";
        if (kind != RequestKind.SessionRead && atLeast != default)
            return $"what must be seen is for reads of kind {RequestKind.SessionRead}, not for a {kind}";
        return atLeast is { Term: < 0 } or { Index: < 0 } ? $"there is no position {atLeast} in a log" : null;
    }

    /// <summary>
    /// A linearizable read that others than the primary may answer is a follower read. Where it costs no more at those, it goes to the
    /// nearest unless it says otherwise.
    /// </summary>
    public static (RequestKind Kind, ReadFrom From) Resolve(GroupDefinition? group, RequestKind kind, ReadFrom from)
    {
        if (group is { Protocol.IsLeaderless: true })
            return (kind, from);
        if (from == ReadFrom.Default && group is { Protocol.ReadsAnywhere: true } && IsRead(kind))
            from = ReadFrom.Nearest;
        return (kind == RequestKind.Read && from is not (ReadFrom.Default or ReadFrom.Primary) ? RequestKind.FollowerRead : kind, from);
    }
}
