using System.Collections.Concurrent;
using ActorRepl.Actors.Control;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using Akka.Actor;

namespace ActorRepl.Actors.Client;

/// <summary>Puts calls straight into the mailboxes of this node's shard routers.</summary>
internal sealed class ReplicationClient : IReplicationClient
{
    // A replica may have to be made from a whole checkpoint.
    private static readonly TimeSpan MembersTimeout = TimeSpan.FromMinutes(5);

    private readonly ReplicationSettings _settings;
    private readonly RouterTable _routers;
    private readonly Dictionary<string, GroupInfo> _groups;
    private readonly Dictionary<string, GroupDefinition> _definitions;
    private readonly ClientCall.Pool _pool = new();

    // What is under way for receivers, so that none is left waiting when the actor system is gone.
    private readonly ConcurrentDictionary<SentCall, bool> _sent = [];

    public ReplicationClient(ReplicationSettings settings, RouterTable routers, Task terminated)
    {
        _settings = settings;
        _routers = routers;
        Groups = [.. settings.Groups.Where(group => group.Name != ControlGroup.Own).Select(GroupInfo.Of)];
        _definitions = settings.Groups.ToDictionary(group => group.Name, StringComparer.Ordinal);
        _groups = Groups.ToDictionary(group => group.Name, StringComparer.Ordinal);
        terminated.ContinueWith(_ => Close(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    public IReadOnlyList<GroupInfo> Groups { get; }

    /// <summary>Null: there is no control group.</summary>
    internal ClusterAdmin? Admin { get; set; }

    public ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) =>
        ExecuteOnShardAsync(group, Group(group).ShardOf(key.Span), command, options, cancellation);

    public ValueTask<ReadOnlyMemory<byte>> ExecuteOnShardAsync(
        string group, int shard, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) =>
        CallByPolicy(group, shard, RequestKind.Command, Commands.Payload(_definitions.GetValueOrDefault(group), command.Span), options, cancellation);

    public ValueTask<ReadOnlyMemory<byte>> QueryAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default) =>
        QueryShardAsync(group, Group(group).ShardOf(key.Span), query, options, cancellation);

    public ValueTask<ReadOnlyMemory<byte>> QueryShardAsync(
        string group, int shard, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        RequestKind kind = options?.ReadKind ?? RequestKind.Read;
        if (Reads.Refusal(kind, options?.ReadFrom ?? default, options?.AtLeast ?? default) is { } refusal)
            throw new ArgumentException(refusal, nameof(options));
        return CallByPolicy(group, shard, kind, query.ToArray(), options, cancellation);
    }

    public void Send(string group, int shard, RequestKind kind, ReadOnlySpan<byte> payload, IOutcomeReceiver receiver, RequestOptions? options = null)
    {
        if (kind != RequestKind.Command && Reads.Refusal(kind, options?.ReadFrom ?? default, options?.AtLeast ?? default) is { } refusal)
            throw new ArgumentException(refusal, nameof(kind));
        byte[] bytes = kind == RequestKind.Command ? Commands.Payload(_definitions.GetValueOrDefault(group), payload) : payload.ToArray();
        var call = new SentCall(bytes, Terms(group, kind, options), receiver, _sent);
        _sent.TryAdd(call, true);
        Router(group, shard).Tell(call, ActorRefs.NoSender);
        if (_pool.IsClosed)
            call.Close();
    }

    public Task<ShardMembers> MembersAsync(string group, int shard, CancellationToken cancellation = default) =>
        Orders.MembersAsync(group, Checked(group, shard), cancellation);

    public Task ChangeMembersAsync(string group, int shard, Membership members, RequestOptions? options = null, CancellationToken cancellation = default) =>
        Orders.ChangeMembersAsync(group, Checked(group, shard), members, options?.Timeout ?? MembersTimeout, cancellation);

    public Task TransferAsync(string group, int shard, ReplicaId to = default, CancellationToken cancellation = default) =>
        Orders.TransferAsync(group, Checked(group, shard), to, cancellation);

    /// <summary>Asks the shard's leader to put these members in force; completes once they are.</summary>
    internal async Task ChangeAsync(string group, int shard, Membership members, RequestOptions? options, CancellationToken cancellation) =>
        await Call(group, shard, RequestKind.ChangeMembers, members.Encode(), options, cancellation).ConfigureAwait(false);

    /// <summary>Asks the shard's leader to give its place to another voter; none: to whoever is best.</summary>
    internal async Task GiveLeadershipAsync(string group, int shard, ReplicaId to, RequestOptions? options, CancellationToken cancellation) =>
        await Call(group, shard, RequestKind.Transfer, TransferOrder.To(to), options, cancellation).ConfigureAwait(false);

    public IReplicationSession OpenSession(string group, string? token = null) => _definitions[Group(group).Name].Protocol.IsLeaderless
        ? throw new ArgumentException($"group '{group}' has no leader, and so no sessions: what a client has seen travels in the contexts of its reads", nameof(group))
        : new ReplicationSession(this, Group(group), token);

    /// <summary>Nobody answers any more: ends every call that waits, and those to come.</summary>
    internal void Close()
    {
        _pool.Close();
        foreach (SentCall call in _sent.Keys)
            call.Close();
    }

    private ValueTask<ReadOnlyMemory<byte>> CallByPolicy(
        string group, int shard, RequestKind kind, ReadOnlyMemory<byte> payload, RequestOptions? options, CancellationToken cancellation) =>
        options?.Retry is { } policy && policy.Attempts > 1
            ? RetryAsync(policy, options, kind == RequestKind.Command, attempt => Call(group, shard, kind, payload, attempt, cancellation), cancellation)
            : Call(group, shard, kind, payload, options, cancellation);

    private async ValueTask<ReadOnlyMemory<byte>> RetryAsync(
        RetryPolicy policy, RequestOptions options, bool isCommand, Func<RequestOptions, ValueTask<ReadOnlyMemory<byte>>> call, CancellationToken cancellation)
    {
        policy.Validate();
        long deadline = Environment.TickCount64 + Millis(options);
        bool inDoubt = false;
        for (int attempt = 1; ; attempt++)
        {
            TimeSpan left = TimeSpan.FromMilliseconds(Math.Max(1, deadline - Environment.TickCount64));
            try
            {
                return await call(options with { Timeout = policy.AttemptTimeout < left ? policy.AttemptTimeout : left }).ConfigureAwait(false);
            }
            catch (ReplicationException refused)
            {
                inDoubt |= isCommand && refused.OutcomeUnknown;
                TimeSpan pause = policy.PauseAfter(attempt, Random.Shared.NextDouble());
                if (!policy.Allows(refused, attempt, isCommand) || deadline - Environment.TickCount64 <= pause.TotalMilliseconds)
                {
                    // Certain of this attempt, but an earlier one may be in a log or on its way.
                    if (inDoubt && !refused.OutcomeUnknown)
                        throw ReplicationException.Of(refused.Rejection with { OutcomeUnknown = true });
                    throw;
                }

                await Task.Delay(pause, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>One attempt with a payload that is already enveloped.</summary>
    internal ValueTask<ReadOnlyMemory<byte>> Call(
        string group, int shard, RequestKind kind, ReadOnlyMemory<byte> payload, RequestOptions? options, CancellationToken cancellation, IWitness? witness = null)
    {
        IActorRef router = Router(group, shard);
        if (cancellation.IsCancellationRequested)
            return ValueTask.FromCanceled<ReadOnlyMemory<byte>>(cancellation);
        return _pool.Rent().Start(payload, Terms(group, kind, options) with { Witness = witness }, router, cancellation);
    }

    private CallTerms Terms(string group, RequestKind kind, RequestOptions? options)
    {
        ReadFrom from = options?.ReadFrom ?? default;
        if (from != ReadFrom.Default && !Reads.IsRead(kind))
            throw new ArgumentException($"{nameof(RequestOptions.ReadFrom)}: it is for queries, not for a {kind}", nameof(options));
        (RequestKind resolved, ReadFrom resolvedFrom) = Reads.Resolve(_definitions.GetValueOrDefault(group), kind, from);
        return new CallTerms(resolved, Millis(options))
        {
            MaxStalenessMillis = Staleness(kind, options),
            From = resolvedFrom,
            AtLeast = options?.AtLeast ?? default,
            Concern = Concern(group, kind, options),
            Level = Level(group, options),
        };
    }

    private IActorRef Router(string group, int shard)
    {
        IActorRef?[] routers = _routers.Of(group) ?? throw Unknown(group);
        return (uint)shard < (uint)routers.Length
            ? routers[shard] ?? throw Starting()
            : throw new ArgumentOutOfRangeException(nameof(shard), shard, $"group '{group}' has shards 0 to {routers.Length - 1}");
    }

    private static ReplicationException Starting()
    {
        var why = new Rejection(RejectReason.Unavailable, Detail: "the node is starting");
        return ReplicationException.Of(why);
    }

    internal int Millis(RequestOptions? options)
    {
        double millis = (options?.Timeout ?? _settings.RequestTimeout).TotalMilliseconds;
        if (millis is not (>= 1 and <= int.MaxValue))
            throw new ArgumentOutOfRangeException(nameof(options), millis, "a request's timeout is at least 1 ms");
        return (int)millis;
    }

    private static int Staleness(RequestKind kind, RequestOptions? options)
    {
        if ((kind == RequestKind.BoundedRead) != (options?.MaxStaleness is not null))
            throw new ArgumentException($"{nameof(RequestOptions.MaxStaleness)} is for reads of kind {RequestKind.BoundedRead}, which need it", nameof(options));
        double millis = options?.MaxStaleness?.TotalMilliseconds ?? 0;
        return millis is >= 0 and <= int.MaxValue
            ? (int)millis
            : throw new ArgumentOutOfRangeException(nameof(options), millis, $"a read of bounded staleness allows 0 to {int.MaxValue} ms");
    }

    private WriteConcern Concern(string group, RequestKind kind, RequestOptions? options)
    {
        WriteConcern concern = options?.Concern ?? default;
        if (concern.IsDefault)
            return concern;
        string? wrong = kind == RequestKind.Command ? Concerns.Refusal(_definitions[group], concern) : $"it is for commands, not for a {kind}";
        if (wrong is null)
            return concern;
        var why = new Rejection(RejectReason.Invalid, Detail: $"the acknowledgement asked for: {wrong}");
        throw ReplicationException.Of(why);
    }

    private ConsistencyLevel Level(string group, RequestOptions? options)
    {
        ConsistencyLevel level = options?.Level ?? default;
        if (level.IsDefault || Levels.Refusal(_definitions[group], level) is not { } wrong)
            return level;
        throw ReplicationException.Of(new Rejection(RejectReason.Invalid, Detail: wrong));
    }

    private ClusterAdmin Orders => Admin ?? throw new InvalidOperationException("this runtime has no control group");

    private int Checked(string group, int shard) => shard >= 0 && shard < Group(group).Shards
        ? shard
        : throw new ArgumentOutOfRangeException(nameof(shard), shard, $"group '{group}' has shards 0 to {Group(group).Shards - 1}");

    private GroupInfo Group(string name) => _groups.GetValueOrDefault(name) ?? throw Unknown(name);

    private ArgumentException Unknown(string group) =>
        new($"unknown group '{group}'; this node knows {(_groups.Count == 0 ? "none" : string.Join(", ", _groups.Keys.Order(StringComparer.Ordinal)))}", nameof(group));
}
