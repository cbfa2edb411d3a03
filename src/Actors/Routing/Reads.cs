using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>Which kinds of request are reads.</summary>
internal static class Reads
{
    public static bool IsRead(RequestKind kind) => kind is RequestKind.Read or RequestKind.StaleRead or RequestKind.FollowerRead or RequestKind.BoundedRead;

    public static string NoRead(RequestKind kind) =>
        $"a query is of kind {RequestKind.Read}, {RequestKind.FollowerRead}, {RequestKind.BoundedRead} or {RequestKind.StaleRead}, not {kind}";
}
