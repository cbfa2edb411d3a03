using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>Says to people what a rejection means.</summary>
internal static class Explain
{
    public static string Rejection(in Rejection why)
    {
        string what = why.Reason switch
        {
            RejectReason.NotLeader => "no leader",
            RejectReason.NoQuorum => "no quorum",
            RejectReason.StorageUnavailable => "storage unavailable",
            RejectReason.Overloaded => "overloaded",
            RejectReason.Dropped => "dropped",
            RejectReason.SessionExpired => "session expired",
            RejectReason.Invalid => "invalid request",
            RejectReason.Unavailable => "unavailable",
            RejectReason.TooStale => "too stale",
            RejectReason.HistoryLost => "history lost",
            RejectReason.Conflict => "conflict",
            _ => why.Reason.ToString(),
        };
        string detail = why.Detail is { Length: > 0 } text ? $": {text}" : "";
        return why.OutcomeUnknown ? $"{what}{detail} (the outcome is unknown: it may yet take effect)" : what + detail;
    }
}
