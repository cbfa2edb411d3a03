using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Convergence;

namespace ActorRepl.Hosting.Crdt;

/// <summary>One operation on one value, not carried out yet: see <see cref="CrdtGroup.ApplyAsync(IReadOnlyList{CrdtStep}, RequestOptions?, CancellationToken)"/>.</summary>
public readonly record struct CrdtStep(CrdtKey Key, CrdtOperation Operation);

/// <summary>Typed handles of CRDT groups.</summary>
public static class CrdtClient
{
    /// <summary>The values of a group that was declared with <c>g.Crdt()</c>.</summary>
    /// <exception cref="ArgumentException">There is no such group, or its protocol is another.</exception>
    public static CrdtGroup Crdt(this IReplicationClient client, string group)
    {
        ArgumentNullException.ThrowIfNull(client);
        GroupInfo info = client.Groups.FirstOrDefault(known => known.Name == group)
            ?? throw new ArgumentException($"there is no group '{group}'; there are {string.Join(", ", client.Groups.Select(known => known.Name))}", nameof(group));
        return info.Protocol == CrdtGroup.Protocol ? new CrdtGroup(client, info)
            : throw new ArgumentException($"group '{group}' is replicated by '{info.Protocol}'; only groups that were declared with Crdt() hold CRDTs", nameof(group));
    }
}

/// <summary>
/// The values of a CRDT group: any node changes any of them, cut off from the others or not, and all come to the same. A value is there as soon as it is
/// named, and empty. One name with two types is two values; those whose names have the same part in braces, as in <c>{page 7}title</c>, are in one shard. Thread-safe.
/// </summary>
public sealed partial class CrdtGroup
{
    /// <summary>What <see cref="GroupInfo.Protocol"/> says of such groups.</summary>
    public const string Protocol = "crdt";

    private readonly IReplicationClient _client;
    private readonly string _name;

    internal CrdtGroup(IReplicationClient client, GroupInfo info) => (_client, _name) = (client, info.Name);

    /// <summary>As the client knows it by now: how keys are placed may be certain only once the node has started.</summary>
    public GroupInfo Info => _client.Groups.Single(group => group.Name == _name);

    /// <summary>How long a watch waits between two looks when nothing has changed.</summary>
    public TimeSpan WatchEvery { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Only grows.</summary>
    public CrdtCounter GrowCounter(string name) => new(this, new CrdtKey(CrdtType.GrowCounter, name));

    /// <summary>Goes up and down.</summary>
    public CrdtCounter Counter(string name) => new(this, new CrdtKey(CrdtType.Counter, name));

    /// <summary>Never goes below 0.</summary>
    public CrdtBoundedCounter BoundedCounter(string name) => new(this, new CrdtKey(CrdtType.BoundedCounter, name));

    /// <summary>Off at first; of switching on and off at once, on wins.</summary>
    public CrdtFlag Flag(string name) => new(this, new CrdtKey(CrdtType.Flag, name));

    /// <summary>On at first; of switching on and off at once, off wins.</summary>
    public CrdtFlag DisableWinsFlag(string name) => new(this, new CrdtKey(CrdtType.DisableWinsFlag, name));

    /// <summary>Of adding and removing one element at once, adding wins.</summary>
    /// <typeparam name="T">A string, an int, long or Guid, bytes; another with a codec.</typeparam>
    public CrdtSet<T> Set<T>(string name, ElementCodec<T>? codec = null) => new(this, new CrdtKey(CrdtType.Set, name), codec);

    /// <summary>Nothing can be removed.</summary>
    /// <inheritdoc cref="Set"/>
    public CrdtSet<T> GrowSet<T>(string name, ElementCodec<T>? codec = null) => new(this, new CrdtKey(CrdtType.GrowSet, name), codec);

    /// <summary>What was removed stays removed.</summary>
    /// <inheritdoc cref="Set"/>
    public CrdtSet<T> TwoPhaseSet<T>(string name, ElementCodec<T>? codec = null) => new(this, new CrdtKey(CrdtType.TwoPhaseSet, name), codec);

    /// <summary>The last write wins.</summary>
    /// <inheritdoc cref="Set"/>
    public CrdtRegister<T> Register<T>(string name, ElementCodec<T>? codec = null) => new(this, new CrdtKey(CrdtType.Register, name), codec);

    /// <summary>Keeps every value that was written at once.</summary>
    /// <inheritdoc cref="Set"/>
    public CrdtRegister<T> MultiRegister<T>(string name, ElementCodec<T>? codec = null) => new(this, new CrdtKey(CrdtType.MultiRegister, name), codec);

    /// <summary>Of updating and removing a field at once, the update wins.</summary>
    public CrdtMap Map(string name) => new(this, new CrdtKey(CrdtType.Map, name));

    /// <summary>Of updating and removing a field at once, the removal wins.</summary>
    public CrdtMap RemoveWinsMap(string name) => new(this, new CrdtKey(CrdtType.RemoveWinsMap, name));

    public CrdtText Text(string name) => new(this, new CrdtKey(CrdtType.Text, name));

    /// <inheritdoc cref="Set"/>
    public CrdtList<T> List<T>(string name, ElementCodec<T>? codec = null) => new(this, new CrdtKey(CrdtType.List, name), codec);

    public int ShardOf(CrdtKey key) => Info.ShardOf(key.Name.Span);

    /// <summary>Carries out several operations as one: everywhere they are seen all or not at all.</summary>
    /// <param name="steps">On values of one shard.</param>
    /// <param name="options">Its <see cref="RequestOptions.Level"/>: how many replicas must have it on their disks; unless it says, the group's.</param>
    /// <param name="cancellation">Nobody waits any more; it may be carried out.</param>
    /// <exception cref="ArgumentException">The values are of several shards.</exception>
    /// <exception cref="InvalidRequestException">One of them cannot be carried out, such as one that takes more from a bounded counter than this replica may; none was.</exception>
    /// <exception cref="ReplicationException">See <see cref="ReplicationException.OutcomeUnknown"/>.</exception>
    public ValueTask<CrdtResult> ApplyAsync(IReadOnlyList<CrdtStep> steps, RequestOptions? options = null, CancellationToken cancellation = default) =>
        ApplyAsync(steps, [], options, cancellation);

    /// <summary>As above, where these values have not changed since they were read; else nothing is done, and <see cref="CrdtResult.Applied"/> is false.</summary>
    public ValueTask<CrdtResult> ApplyAsync(
        IReadOnlyList<CrdtStep> steps, IReadOnlyList<CrdtCondition> unchanged, RequestOptions? options = null, CancellationToken cancellation = default) =>
        ApplyAsync(steps, unchanged, Guid.Empty, options, cancellation);

    /// <summary>As above, under a name: what is sent again under it, because its outcome was unknown, is carried out once.</summary>
    public async ValueTask<CrdtResult> ApplyAsync(
        IReadOnlyList<CrdtStep> steps, IReadOnlyList<CrdtCondition> unchanged, Guid id, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        int shard = ShardOfAll([.. steps.Select(step => step.Key), .. unchanged.Select(condition => condition.Key)]);
        var update = new CrdtUpdate([.. steps.Select(step => (step.Key, step.Operation))], id) { Unchanged = unchanged };
        ReadOnlyMemory<byte> result = await _client.ExecuteOnShardAsync(Info.Name, shard, update.ToBytes(), options, cancellation).ConfigureAwait(false);
        return CrdtResult.Decode(result.Span);
    }

    /// <summary>Asks several questions about values of one shard, and about one moment.</summary>
    /// <param name="queries">What is asked.</param>
    /// <param name="shard">The shard that has the values: see <see cref="ShardOf"/>.</param>
    /// <param name="options">Its <see cref="RequestOptions.Level"/>: from how many replicas the answer is merged; unless it says, the group's.</param>
    /// <param name="cancellation">Nobody waits any more.</param>
    public async ValueTask<CrdtAnswer> AskAsync(IReadOnlyList<CrdtQuery> queries, int shard, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        ReadOnlyMemory<byte> answer = await _client.QueryShardAsync(Info.Name, shard, new CrdtRead(queries).ToBytes(), options, cancellation).ConfigureAwait(false);
        return CrdtAnswer.Decode(answer.Span);
    }

    private int ShardOfAll(CrdtKey[] keys)
    {
        if (keys.Length == 0)
            throw new ArgumentException("there is nothing to carry out", nameof(keys));
        int shard = ShardOf(keys[0]);
        foreach (CrdtKey key in keys)
        {
            if (ShardOf(key) is var other && other != shard)
                throw new ArgumentException($"{keys[0]} is in shard {shard} and {key} in {other}; what is carried out as one must be of one shard: names with the same part in braces are", nameof(keys));
        }

        return shard;
    }
}
