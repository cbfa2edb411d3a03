using System.Buffers;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Crdt;
using ActorRepl.Hosting.Redis.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Redis;

/// <summary>Takes the commands of one connection: puts them into its pipeline, queues them for a transaction, or answers them on the spot.</summary>
internal sealed partial class RedisDispatcher(RedisServer server, RedisClientInfo client, RespLimits limits)
{
    private const string NoCluster = "ERR This instance has cluster support disabled";

    /// <summary>It is not to be treated as those before it, or needs to know what became of them: it waits for a pipeline of its own.</summary>
    public bool BeginsAnew(RespParser command) => RedisCommand.Find(command[0])?.Id switch
    {
        RedisCommandId.Ack or RedisCommandId.Read or RedisCommandId.ReadOnly or RedisCommandId.ReadWrite or RedisCommandId.Hello or RedisCommandId.Reset => true,
        RedisCommandId.Exec or RedisCommandId.Unwatch or RedisCommandId.Discard => client.HasWatched,
        RedisCommandId.Watch => !client.HasWatched && !client.Reads.IsDefault,
        _ => false,
    };

    /// <summary>Adds a command to the pipeline; false: the client wants to leave, or must.</summary>
    public bool Dispatch(RespParser command, Pipeline pipeline)
    {
        RedisCommand? known = RedisCommand.Find(command[0]);
        if (client.MayAsk && pipeline.Group.Protocol == CrdtGroup.Protocol && CrdtCommands.TryAdd(command, pipeline))
            return true;
        if (!client.MayAsk && known?.Id is not (RedisCommandId.Auth or RedisCommandId.Hello or RedisCommandId.Quit or RedisCommandId.Reset))
        {
            pipeline.AnswerError("NOAUTH Authentication required.");
            return true;
        }

        if (known is null)
        {
            client.Transaction.IsWrong |= client.Transaction.IsOpen;
            pipeline.AnswerError(RedisErrors.UnknownCommand(command));

            // A browser talking to this port: stop before a request's body is taken for commands, as Redis does.
            return !Ascii.EqualsIgnoreCase(command[0], "POST"u8) && !Ascii.EqualsIgnoreCase(command[0], "Host:"u8);
        }

        if (!known.Takes(command.Count))
        {
            client.Transaction.IsWrong |= client.Transaction.IsOpen;
            pipeline.AnswerError(RedisErrors.WrongArity(known.Name));
            return true;
        }

        if (client.Transaction.IsOpen && TryQueue(known, command, pipeline))
            return true;
        return Carry(known, command, pipeline);
    }

    private bool Carry(RedisCommand known, RespParser command, Pipeline pipeline)
    {
        if (known.FirstKey > 0)
        {
            if (WrongArgument(known, command) is { } wrong)
                pipeline.AnswerError(wrong);
            else
                KeyCommands.Add(known, command, pipeline);
            return true;
        }

        switch (known.Id)
        {
            case RedisCommandId.DbSize:
                CountKeys(pipeline);
                return true;
            case RedisCommandId.Scan:
                ScanCommand.Add(command, pipeline, server.Cursors);
                return true;
            case RedisCommandId.Exec:
                Execute(pipeline);
                return true;
            case RedisCommandId.Wait:
                Wait(command, pipeline);
                return true;
            default:
                return Unkeyed(known, command, pipeline);
        }
    }

    /// <summary>What is wrong with a key or a value; null: nothing.</summary>
    private string? WrongArgument(RedisCommand known, RespParser command)
    {
        for (int i = known.FirstKey; i <= known.LastKeyOf(command); i += known.Step)
        {
            if (command[i].Length is var length && (length == 0 || length > limits.MaxKeyBytes))
                return $"ERR a key has 1 to {limits.MaxKeyBytes} bytes, argument {i} of '{known.Name}' has {length}";
        }

        // The longest argument of what writes is a value, or wrong in another way.
        for (int i = 2; known.IsWrite && i < command.Count; i++)
        {
            if (command[i].Length > limits.MaxValueBytes)
                return $"ERR a value has at most {limits.MaxValueBytes} bytes, this one has {command[i].Length}";
        }

        return null;
    }

    private static void CountKeys(Pipeline pipeline)
    {
        for (int shard = 0; shard < pipeline.Group.Shards; shard++)
            pipeline.ForShard(shard, write: false).CountKeys();
        pipeline.Answer(Form.Sum, pipeline.Group.Shards);
    }

    private bool Unkeyed(RedisCommand known, RespParser command, Pipeline pipeline)
    {
        IBufferWriter<byte> reply = pipeline.Ready;
        switch (known.Id)
        {
            case RedisCommandId.Ping when command.Count > 2:
                reply.WriteError(RedisErrors.WrongArity(known.Name));
                break;
            case RedisCommandId.Ping when command.Count == 1:
                reply.Write("+PONG\r\n"u8);
                break;
            case RedisCommandId.Ping or RedisCommandId.Echo:
                reply.WriteBulk(command[1]);
                break;
            case RedisCommandId.Quit:
                reply.Write("+OK\r\n"u8);
                break;
            case RedisCommandId.Ack:
                Terms(command, reply, "acknowledgement", () => client.Writes.Describe(), words => client.Writes = WriteTerms.ParseFor(pipeline.Group, words));
                break;
            case RedisCommandId.Read:
                Terms(command, reply, "reading", () => ReadText.Describe(client.Reads), words => (client.Reads, client.Session) = (ReadText.ParseFor(pipeline.Group, words), null));
                break;
            case RedisCommandId.ReadOnly or RedisCommandId.ReadWrite:
                client.Session = null;
                client.Reads = known.Id == RedisCommandId.ReadOnly ? new ReadTerms(ReadFrom.Nearest, RequestKind.StaleRead) : default;
                reply.Write("+OK\r\n"u8);
                break;
            case RedisCommandId.Select:
                Select(command, reply);
                break;
            case RedisCommandId.Auth:
                Authenticate(command, reply);
                break;
            case RedisCommandId.Reset:
                client.Reset();
                reply.Write("+RESET\r\n"u8);
                break;
            case RedisCommandId.Cluster:
                reply.WriteError(NoCluster);
                break;
            case RedisCommandId.Multi or RedisCommandId.Discard or RedisCommandId.Unwatch:
                Transact(known.Id, reply);
                break;
            default:
                server.Answer(known, command, client, reply);
                break;
        }

        pipeline.AnswerReady();
        return known.Id != RedisCommandId.Quit;
    }

    /// <summary>Without words, what is in force; with words, what holds for the commands from here on.</summary>
    private static void Terms(RespParser command, IBufferWriter<byte> reply, string what, Func<string> describe, Action<string> set)
    {
        if (command.Count == 1)
        {
            reply.WriteBulk(Encoding.ASCII.GetBytes(describe()));
            return;
        }

        var words = new StringBuilder();
        for (int i = 1; i < command.Count; i++)
            words.Append(Encoding.Latin1.GetString(command[i])).Append(' ');
        try
        {
            set(words.ToString());
            reply.Write("+OK\r\n"u8);
        }
        catch (FormatException wrong)
        {
            reply.WriteError($"ERR {what}: {wrong.Message}");
        }
    }

    private static void Select(RespParser command, IBufferWriter<byte> reply)
    {
        if (!ExpiryArguments.TryNumber(command[1], out long index))
            reply.WriteError(RedisErrors.NotAnInteger);
        else if (index != 0)
            reply.WriteError("ERR DB index is out of range");
        else
            reply.Write("+OK\r\n"u8);
    }

    private void Authenticate(RespParser command, IBufferWriter<byte> reply)
    {
        if (command.Count > 3)
            reply.WriteError(RedisErrors.Syntax);
        else if (limits.Password.Length == 0 && command.Count == 2)
            reply.WriteError("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?");
        else if (server.TryAuthenticate(command.Count == 3 ? command[1] : "default"u8, command[command.Count - 1], client))
            reply.Write("+OK\r\n"u8);
        else
            reply.WriteError(RedisErrors.WrongPassword);
    }

    /// <summary>Members beside the leader that have every write that was acknowledged: WAIT has nothing to wait for.</summary>
    private static void Wait(RespParser command, Pipeline pipeline)
    {
        if (!ExpiryArguments.TryNumber(command[1], out _))
            pipeline.AnswerError(RedisErrors.NotAnInteger);
        else if (!ExpiryArguments.TryNumber(command[2], out long timeout))
            pipeline.AnswerError("ERR timeout is not an integer or out of range");
        else if (timeout < 0)
            pipeline.AnswerError("ERR timeout is negative");
        else
            pipeline.AnswerCopies();
    }
}
