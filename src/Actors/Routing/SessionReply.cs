using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Actors.Routing;

/// <summary>Reads the status that a session's results carry in front.</summary>
internal static class SessionReply
{
    /// <summary>Takes the status off; a rejection if the command was not applied.</summary>
    public static Rejection? Rejects(ref ReadOnlyMemory<byte> result)
    {
        result = CommandEnvelope.DecodeResult(result, out SessionStatus status);
        return status switch
        {
            SessionStatus.Applied => null,
            SessionStatus.Expired => new Rejection(RejectReason.SessionExpired, OutcomeUnknown: true, Detail: "the session is not known any more"),
            SessionStatus.Stale => new Rejection(RejectReason.Invalid, Detail: "the sequence is below what the client has declared complete"),
            SessionStatus.TooManyIncomplete => new Rejection(RejectReason.Overloaded, Detail: "too many commands of the session are incomplete"),
            _ => new Rejection(RejectReason.Invalid, Detail: "the command is malformed"),
        };
    }
}
