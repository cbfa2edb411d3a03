using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>To self: send what waits. One is under way at a time.</summary>
internal sealed record FlushCalls
{
    public static readonly FlushCalls Instance = new();
}

/// <summary>To self: look at deadlines.</summary>
internal sealed record CheckDeadlines
{
    public static readonly CheckDeadlines Instance = new();
}

/// <summary>To self: nobody is known to lead; ask again, and try again what waits.</summary>
internal sealed record LookForLeader
{
    public static readonly LookForLeader Instance = new();
}

/// <summary>The caller has given up; the call is answered as such if it still is the one of that use.</summary>
internal sealed record CancelCall(Call Call, long Use);

/// <summary>To a shard's router: who holds the shard, by the word of whoever steers it.</summary>
internal sealed record ShardHeldBy(Membership Members);
