using System.Collections.Concurrent;
using ActorRepl.Actors.Settings;
using Akka.Actor;

namespace ActorRepl.Actors.Routing;

/// <summary>The shard routers of this node by group and shard, complete once all have started.</summary>
internal sealed class RouterTable(IReadOnlyList<GroupDefinition> groups)
{
    private readonly ConcurrentDictionary<string, IActorRef?[]> _routers = new(
        groups.Select(group => KeyValuePair.Create(group.Name, new IActorRef?[group.Shards])), StringComparer.Ordinal);

    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _missing = groups.Sum(group => group.Shards);

    public Task WhenComplete => _missing == 0 ? Task.CompletedTask : _complete.Task;

    public void Register(string group, int shard, IActorRef router)
    {
        IActorRef? before = Interlocked.Exchange(ref _routers[group][shard], router);
        if (before is null && Interlocked.Decrement(ref _missing) == 0)
            _complete.TrySetResult();
    }

    /// <summary>The routers of a group by shard; null: no such group.</summary>
    public IActorRef?[]? Of(string group) => _routers.GetValueOrDefault(group);
}
