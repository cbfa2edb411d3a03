using System.Buffers;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Crdt;

namespace ActorRepl.Hosting.Redis.Crdt;

/// <summary>
/// A command that is carried out on its own, and whose reply comes when it is done: those of a CRDT group, and WAIT. Of one connection all that write and
/// stand together are sent at once, in their order; then all that read.
/// </summary>
/// <param name="writes">It is sent with other writes; null: by itself, because it reads and then writes.</param>
/// <param name="carryOut">Carries it out and writes the reply.</param>
internal sealed class LateReply(bool? writes, Func<IReplicationClient, string, IBufferWriter<byte>, ValueTask> carryOut)
{
    /// <summary>Of a CRDT group.</summary>
    public LateReply(bool? writes, Func<CrdtGroup, IBufferWriter<byte>, ValueTask> carryOut)
        : this(writes, (client, group, reply) => carryOut(client.Crdt(group), reply))
    {
    }

    /// <summary>A reply that is no longer is not counted.</summary>
    public const int FreeBytes = 512;

    private readonly ArrayBufferWriter<byte> _reply = new(64);

    public ReadOnlySpan<byte> Reply => _reply.WrittenSpan;

    /// <summary>Carries out the commands of a connection, and says so when all have replies.</summary>
    /// <param name="client">The node's own.</param>
    /// <param name="group">The group that is served.</param>
    /// <param name="replies">In their order.</param>
    /// <param name="done">Called once, on any thread.</param>
    public static async Task CarryOutAsync(IReplicationClient client, string group, LateReply[] replies, Action<Exception?> done)
    {
        Exception? defect = null;
        for (int start = 0, end; start < replies.Length; start = end)
        {
            end = start + 1;
            while (end < replies.Length && replies[start].Writes is { } kind && replies[end].Writes == kind)
                end++;
            Exception?[] failures = await Task.WhenAll(replies[start..end].Select(reply => reply.RunAsync(client, group))).ConfigureAwait(false);
            defect ??= failures.FirstOrDefault(failure => failure is not null);
        }

        done(defect);
    }

    private bool? Writes => writes;

    /// <summary>There is no room for what came of it.</summary>
    public void GiveUp() => Fail(writes == false ? RedisErrors.NoRoom : RedisErrors.NoRoomForResult);

    /// <summary>Returns what no client should see.</summary>
    private async Task<Exception?> RunAsync(IReplicationClient client, string group)
    {
        try
        {
            await carryOut(client, group, _reply).ConfigureAwait(false);
            return null;
        }
        catch (ReplicationException refused)
        {
            Fail(RedisErrors.Refused(refused));
            return null;
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            Fail(RedisErrors.Internal);
            return failure;
        }
    }

    private void Fail(string error)
    {
        _reply.ResetWrittenCount();
        _reply.WriteError(error);
    }
}
