using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Hosting.Shipping;

/// <summary>The group that changes are shipped to, by the routers of one or several of its nodes: one that does not answer is followed by the next.</summary>
internal sealed class ShipTarget(ActorSystem system, IReadOnlyList<string> routers)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // A router answers by its own deadline; this is for one that is gone.
    private static readonly TimeSpan Silence = Patience + TimeSpan.FromSeconds(2);

    private int _turn;

    /// <summary>A router's path: of a group of this cluster, by its name, or of any other as it stands.</summary>
    public static string PathOf(string target) => target.StartsWith("akka", StringComparison.Ordinal) ? target : $"/user/actorrepl/{target}/router";

    /// <exception cref="ReplicationException">It was refused.</exception>
    /// <exception cref="AskTimeoutException">Nobody answers; it may have been done.</exception>
    public Task<ReadOnlyMemory<byte>> ExecuteAsync(ReadOnlyMemory<byte> key, byte[] command) =>
        AskAsync(new Execute(key, command, (int)Patience.TotalMilliseconds));

    /// <inheritdoc cref="ExecuteAsync"/>
    public Task<ReadOnlyMemory<byte>> QueryAsync(ReadOnlyMemory<byte> key, byte[] query) =>
        AskAsync(new Query(key, query, RequestKind.Read, (int)Patience.TotalMilliseconds));

    private async Task<ReadOnlyMemory<byte>> AskAsync(object request)
    {
        string path = routers[_turn];
        ICanTell router = path.StartsWith('/') ? system.ActorSelection(path) : ((ExtendedActorSystem)system).Provider.ResolveActorRef(path);
        try
        {
            return await router.Ask<object>(request, Silence, CancellationToken.None).ConfigureAwait(false) switch
            {
                Executed done => done.Result,
                QueryResult found => found.Result,
                RequestRejected refused => throw ReplicationException.Of(new Rejection(refused.Reason, refused.OutcomeUnknown, Detail: refused.Message)),
                var other => throw new InvalidDataException($"{path} answers with {other.GetType().Name}"),
            };
        }
        catch
        {
            _turn = (_turn + 1) % routers.Count;
            throw;
        }
    }
}
