using System.Buffers;

namespace ActorRepl.Hosting.Redis;

/// <summary>MULTI, EXEC, DISCARD, WATCH, UNWATCH: what was queued is one entry of the log of one shard, carried out if no watched key has changed.</summary>
internal sealed partial class RedisDispatcher
{
    /// <summary>While a transaction is open: queues the command, or answers that it cannot be; false: it is carried out at once.</summary>
    private bool TryQueue(RedisCommand known, RespParser command, Pipeline pipeline)
    {
        if (known.Id is RedisCommandId.Exec or RedisCommandId.Discard or RedisCommandId.Multi or RedisCommandId.Quit or RedisCommandId.Reset)
            return false;
        Transaction transaction = client.Transaction;
        string? wrong = known.Id switch
        {
            RedisCommandId.Watch => "ERR WATCH inside MULTI is not allowed",
            RedisCommandId.DbSize or RedisCommandId.Scan or RedisCommandId.Ack or RedisCommandId.Read or RedisCommandId.ReadOnly or RedisCommandId.ReadWrite
                or RedisCommandId.Hello or RedisCommandId.Auth => $"ERR {known.Name.ToUpperInvariant()} inside MULTI is not served here",
            _ when known.FirstKey > 0 => WrongArgument(known, command) ?? (HasOtherShard(known, command, pipeline) ? RedisErrors.CrossSlot : null),
            _ => null,
        };
        wrong ??= transaction.Queue(command);
        if (wrong is null)
        {
            pipeline.Ready.Write("+QUEUED\r\n"u8);
            pipeline.AnswerReady();
            return true;
        }

        // Redis leaves a transaction open in which WATCH was said.
        transaction.IsWrong |= known.Id != RedisCommandId.Watch;
        pipeline.AnswerError(wrong);
        return true;
    }

    private bool HasOtherShard(RedisCommand known, RespParser command, Pipeline pipeline)
    {
        for (int i = known.FirstKey; i <= known.LastKeyOf(command); i += known.Step)
        {
            int shard = pipeline.Group.ShardOf(command[i]);
            if ((client.Transaction.Shard ??= shard) != shard)
                return true;
        }

        return false;
    }

    private void Transact(RedisCommandId id, IBufferWriter<byte> reply)
    {
        Transaction transaction = client.Transaction;
        if (id == RedisCommandId.Multi && transaction.IsOpen)
            reply.WriteError("ERR MULTI calls can not be nested");
        else if (id == RedisCommandId.Discard && !transaction.IsOpen)
            reply.WriteError("ERR DISCARD without MULTI");
        else
        {
            if (id == RedisCommandId.Multi)
                transaction.Open();
            else if (id == RedisCommandId.Discard)
                transaction.Close();
            else
                transaction.Unwatch();
            client.HasWatched &= id == RedisCommandId.Multi;
            reply.Write("+OK\r\n"u8);
        }
    }

    private void Execute(Pipeline pipeline)
    {
        Transaction transaction = client.Transaction;
        (ReadOnlyMemory<byte> Key, long Version)[] watched = [.. transaction.Watched];
        int? shard = transaction.Shard ?? (watched.Length > 0 ? pipeline.Group.ShardOf(watched[0].Key.Span) : null);
        if (!transaction.IsOpen)
        {
            pipeline.AnswerError("ERR EXEC without MULTI");
            return;
        }

        if (transaction.IsWrong)
            pipeline.AnswerError("EXECABORT Transaction discarded because of previous errors.");
        else if (watched.Any(one => pipeline.Group.ShardOf(one.Key.Span) != shard))
            pipeline.AnswerError(RedisErrors.CrossSlot);
        else
        {
            if (shard is { } one)
                pipeline.BeginTransaction(one, transaction.Commands.Count);
            else
                pipeline.AnswerHeader(transaction.Commands.Count);
            foreach (byte[] queued in transaction.Commands)
            {
                var command = new RespParser(limits);
                command.Parse(queued);
                Carry(RedisCommand.Find(command[0])!, command, pipeline);
            }

            if (shard is not null)
                pipeline.EndTransaction(watched);
        }

        transaction.Close();
        client.HasWatched = false;
    }
}
