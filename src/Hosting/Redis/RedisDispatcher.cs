using System.Buffers;
using System.Buffers.Text;
using System.Text;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Redis;

/// <summary>Turns the commands of one connection into operations of the key-value machine, or answers them on the spot.</summary>
internal sealed class RedisDispatcher(RedisServer server, RedisClientInfo client, RespLimits limits)
{
    /// <summary>Commands after it are not to be treated as those before: it waits for a pipeline of its own.</summary>
    public static bool BeginsAnew(RespParser command) => RedisCommand.Find(command[0])?.Id is RedisCommandId.Ack or RedisCommandId.Read;

    /// <summary>Adds a command to the pipeline; false: the client wants to leave, or must.</summary>
    public bool Dispatch(RespParser command, Pipeline pipeline)
    {
        RedisCommand? known = RedisCommand.Find(command[0]);
        if (known is null)
        {
            pipeline.AnswerError(RedisErrors.UnknownCommand(command));

            // A browser talking to this port: stop before a request's body is taken for commands, as Redis does.
            return !Ascii.EqualsIgnoreCase(command[0], "POST"u8) && !Ascii.EqualsIgnoreCase(command[0], "Host:"u8);
        }

        if (!known.Takes(command.Count))
        {
            pipeline.AnswerError(RedisErrors.WrongArity(known.Name));
            return true;
        }

        if (known.FirstKey > 0)
            Keyed(known, command, pipeline);
        else if (known.Id == RedisCommandId.DbSize)
            CountKeys(pipeline);
        else
            return Unkeyed(known, command, pipeline);
        return true;
    }

    private void Keyed(RedisCommand known, RespParser command, Pipeline pipeline)
    {
        int lastKey = known.LastKey < 0 ? command.Count - 1 : known.LastKey;
        for (int i = known.FirstKey; i <= lastKey; i++)
        {
            if (command[i].Length is var length && (length == 0 || length > limits.MaxKeyBytes))
            {
                pipeline.AnswerError($"ERR a key has 1 to {limits.MaxKeyBytes} bytes, argument {i} of '{known.Name}' has {length}");
                return;
            }
        }

        if (known.Id is RedisCommandId.Set or RedisCommandId.Append && command[2].Length > limits.MaxValueBytes)
        {
            pipeline.AnswerError($"ERR a value has at most {limits.MaxValueBytes} bytes, this one has {command[2].Length}");
            return;
        }

        if (known.LastKey < 0)
            Many(known.Id, command, pipeline);
        else
            One(known.Id, command, pipeline);
    }

    private static void One(RedisCommandId id, RespParser command, Pipeline pipeline)
    {
        long amount = 1;
        string? error = id switch
        {
            RedisCommandId.Set when command.Count > 3 => RedisErrors.Syntax,
            RedisCommandId.IncrBy or RedisCommandId.DecrBy when !TryNumber(command[2], out amount) => RedisErrors.NotAnInteger,
            RedisCommandId.DecrBy when amount == long.MinValue => "ERR decrement would overflow",
            _ => null,
        };
        if (error is not null)
        {
            pipeline.AnswerError(error);
            return;
        }

        ReadOnlySpan<byte> key = command[1];
        KeyValuePayload operations = pipeline.For(key, write: id is not (RedisCommandId.Get or RedisCommandId.StrLen));
        _ = id switch
        {
            RedisCommandId.Get => operations.Get(key),
            RedisCommandId.Set => operations.Set(key, command[2]),
            RedisCommandId.Append => operations.Append(key, command[2]),
            RedisCommandId.StrLen => operations.StringLength(key),
            RedisCommandId.Incr or RedisCommandId.IncrBy => operations.IncrementBy(key, amount),
            RedisCommandId.Decr or RedisCommandId.DecrBy => operations.IncrementBy(key, -amount),
            _ => throw new InvalidOperationException($"{id} is no command of one key"),
        };
        pipeline.AnswerSingle();
    }

    private static void Many(RedisCommandId id, RespParser command, Pipeline pipeline)
    {
        for (int i = 1; i < command.Count; i++)
        {
            ReadOnlySpan<byte> key = command[i];
            KeyValuePayload operations = pipeline.For(key, write: id == RedisCommandId.Del);
            _ = id switch
            {
                RedisCommandId.MGet => operations.Get(key),
                RedisCommandId.Del => operations.Delete(key),
                RedisCommandId.Exists => operations.Exists(key),
                _ => throw new InvalidOperationException($"{id} is no command of many keys"),
            };
        }

        if (id == RedisCommandId.MGet)
            pipeline.AnswerArray(command.Count - 1);
        else
            pipeline.AnswerSum(command.Count - 1, writes: id == RedisCommandId.Del);
    }

    private static void CountKeys(Pipeline pipeline)
    {
        for (int shard = 0; shard < pipeline.Shards; shard++)
            pipeline.ForShard(shard, write: false).CountKeys();
        pipeline.AnswerSum(pipeline.Shards);
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
                Terms(command, reply, "acknowledgement", () => ConcernText.Describe(client.Concern), words => client.Concern = ConcernText.Parse(words));
                break;
            case RedisCommandId.Read:
                Terms(command, reply, "reading", () => ReadText.Describe(client.Reads), words => client.Reads = ReadText.Parse(words));
                break;
            case RedisCommandId.Select:
                Select(command, reply);
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
        if (!TryNumber(command[1], out long index))
            reply.WriteError(RedisErrors.NotAnInteger);
        else if (index != 0)
            reply.WriteError("ERR DB index is out of range");
        else
            reply.Write("+OK\r\n"u8);
    }

    private static bool TryNumber(ReadOnlySpan<byte> text, out long number) =>
        Utf8Parser.TryParse(text, out number, out int used) && used == text.Length && text[0] != '+';
}
