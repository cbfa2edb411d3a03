using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Redis;

/// <summary>The texts of errors: Redis's own where Redis has one, and codes for what a replicated store adds (docs/redis.md).</summary>
internal static class RedisErrors
{
    public const string Syntax = "ERR syntax error";
    public const string CrossSlot = "CROSSSLOT Keys in request don't hash to the same slot";
    public const string WrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";
    public const string NotAnInteger = "ERR value is not an integer or out of range";

    public const string NoRoom = "BUSY the node holds as many bytes of commands and replies as it may; try again later";

    /// <summary>Of a command that writes, whose result there is no room for.</summary>
    public const string NoRoomForResult = "UNKNOWN the command may be done; the node holds as many bytes of commands and replies as it may";

    public const string Internal = "UNKNOWN internal error (the outcome is unknown: it may yet take effect)";

    private const int QuotedLimit = 128;

    public static string WrongArity(string command) => $"ERR wrong number of arguments for '{command}' command";

    public static string UnknownSubcommand(ReadOnlySpan<byte> subcommand, string command) =>
        $"ERR unknown subcommand '{Quote(subcommand)}'. Try {command.ToUpperInvariant()} HELP.";

    public static string UnknownCommand(RespParser command)
    {
        var text = new StringBuilder("ERR unknown command '").Append(Quote(command[0])).Append("', with args beginning with: ");
        int start = text.Length;
        for (int i = 1; i < command.Count && text.Length - start < QuotedLimit; i++)
            text.Append('\'').Append(Quote(command[i], QuotedLimit - (text.Length - start))).Append("' ");
        return text.ToString();
    }

    /// <summary>Why a request was refused; the first word tells a client what is certain and whether to try again.</summary>
    public static string Refused(ReplicationException refused) => $"{Code(refused.Rejection)} {refused.Message}";

    /// <summary>Of the errors of two shards the one to answer with: the first, unless only the second leaves the outcome open.</summary>
    public static string LessCertain(string? first, string second) => first is null || (IsUnknown(second) && !IsUnknown(first)) ? second : first;

    /// <summary>The error of one shard, or of one key of a group without a leader, where others have done their part of the command.</summary>
    public static string DoneInPart(string error) => IsUnknown(error) ? error : $"UNKNOWN other keys of the command are done, these are not: {error}";

    private static bool IsUnknown(string error) => error.StartsWith("UNKNOWN ", StringComparison.Ordinal);

    private static string Code(in Rejection why) => why.OutcomeUnknown ? "UNKNOWN" : why.Reason switch
    {
        RejectReason.NoQuorum => "NOQUORUM",
        RejectReason.StorageUnavailable => "STORAGE",
        RejectReason.Overloaded => "BUSY",
        RejectReason.TooStale => "TOOSTALE",
        RejectReason.HistoryLost => "HISTORYLOST",
        RejectReason.NotLeader or RejectReason.Dropped or RejectReason.Unavailable => "TRYAGAIN",
        _ => "ERR",
    };

    /// <summary>What a client said, as far as it fits into an error.</summary>
    public static string Quote(ReadOnlySpan<byte> text, int limit = QuotedLimit)
    {
        var quoted = new StringBuilder();
        foreach (byte b in text[..Math.Min(text.Length, limit)])
            quoted.Append(b is >= 0x20 and < 0x7f ? (char)b : b is (byte)'\r' or (byte)'\n' ? ' ' : '?');
        return quoted.ToString();
    }
}
