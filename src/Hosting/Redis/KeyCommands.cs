using System.Buffers.Text;
using System.Text;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Redis;

/// <summary>Turns commands about keys into operations of the key-value machine.</summary>
internal static class KeyCommands
{
    /// <summary>Adds a command, its keys checked; or answers it with an error.</summary>
    public static void Add(RedisCommand known, RespParser command, Pipeline pipeline)
    {
        switch (known.Id)
        {
            case RedisCommandId.MGet or RedisCommandId.Del or RedisCommandId.Unlink or RedisCommandId.Exists or RedisCommandId.Touch:
                Many(known.Id, command, pipeline);
                break;
            case RedisCommandId.MSet or RedisCommandId.MSetNx:
                SetMany(known, command, pipeline);
                break;
            case RedisCommandId.Rename or RedisCommandId.RenameNx:
                Rename(known, command, pipeline);
                break;
            case RedisCommandId.Watch:
                pipeline.BeginWatch();
                for (int i = 1; i < command.Count; i++)
                    pipeline.For(command[i], write: false).VersionOf(command[i]);
                pipeline.AnswerWatch(command);
                break;
            case RedisCommandId.Get or RedisCommandId.Set when command.Count <= 3:
                if (known.Id == RedisCommandId.Get)
                    pipeline.For(command[1], write: false).Get(command[1]);
                else
                    pipeline.For(command[1], write: true).Set(command[1], command[2]);
                pipeline.Answer(Form.Single);
                break;
            default:
                One(known, command, pipeline);
                break;
        }
    }

    /// <summary>A command of one key with numbers or terms: these are read before anything is added.</summary>
    private static void One(RedisCommand known, RespParser command, Pipeline pipeline)
    {
        long first = 1, second = 0;
        if ((ReadTerms(known, command, out KeyValueTerms terms) ?? ReadNumbers(known.Id, command, ref first, ref second)) is { } error)
        {
            pipeline.AnswerError(error);
            return;
        }

        ReadOnlySpan<byte> key = command[1];
        KeyValuePayload target = pipeline.For(key, known.IsWrite);
        _ = known.Id switch
        {
            RedisCommandId.Set => target.Put(key, command[2], terms),
            RedisCommandId.SetEx or RedisCommandId.PSetEx => target.Put(key, command[3], terms),
            RedisCommandId.SetNx => target.Put(key, command[2], new KeyValueTerms(KeyCondition.Missing)),
            RedisCommandId.GetSet => target.Put(key, command[2], new KeyValueTerms(Return: KeyReturn.Old)),
            RedisCommandId.GetDel => target.GetDelete(key),
            RedisCommandId.GetEx => target.GetExpire(key, terms),
            RedisCommandId.Append => target.Append(key, command[2]),
            RedisCommandId.StrLen => target.StringLength(key),
            RedisCommandId.GetRange => target.GetRange(key, first, second),
            RedisCommandId.SetRange => target.SetRange(key, first, command[3]),
            RedisCommandId.Incr or RedisCommandId.IncrBy => target.IncrementBy(key, first),
            RedisCommandId.Decr or RedisCommandId.DecrBy => target.IncrementBy(key, -first),
            RedisCommandId.IncrByFloat => target.IncrementByDecimal(key, command[2]),
            RedisCommandId.Expire or RedisCommandId.PExpire or RedisCommandId.ExpireAt or RedisCommandId.PExpireAt => target.Expire(key, terms),
            RedisCommandId.Persist => target.Expire(key, new KeyValueTerms(KeyCondition.Expires)),
            RedisCommandId.Ttl or RedisCommandId.PTtl or RedisCommandId.ExpireTime or RedisCommandId.PExpireTime => target.ExpiresAt(key),
            RedisCommandId.Type => target.Exists(key),
            _ => throw new InvalidOperationException($"{known.Name} is no command of one key"),
        };
        pipeline.Answer(FormOf(known.Id));
    }

    private static Form FormOf(RedisCommandId id) => id switch
    {
        RedisCommandId.SetNx => Form.Done,
        RedisCommandId.Type => Form.TypeName,
        RedisCommandId.Ttl => Form.Seconds,
        RedisCommandId.PTtl => Form.Millis,
        RedisCommandId.ExpireTime => Form.EndSeconds,
        _ => Form.Single,
    };

    private static string? ReadTerms(RedisCommand known, RespParser command, out KeyValueTerms terms)
    {
        terms = default;
        return known.Id switch
        {
            RedisCommandId.Set => ExpiryArguments.ReadSet(command, out terms),
            RedisCommandId.GetEx => ExpiryArguments.ReadGetEx(command, out terms),
            RedisCommandId.SetEx => ExpiryArguments.ReadTime(command[2], 1000, KeyExpiry.In, known.Name, ref terms),
            RedisCommandId.PSetEx => ExpiryArguments.ReadTime(command[2], 1, KeyExpiry.In, known.Name, ref terms),
            RedisCommandId.Expire => ExpiryArguments.ReadExpire(command, known.Name, 1000, KeyExpiry.In, out terms),
            RedisCommandId.PExpire => ExpiryArguments.ReadExpire(command, known.Name, 1, KeyExpiry.In, out terms),
            RedisCommandId.ExpireAt => ExpiryArguments.ReadExpire(command, known.Name, 1000, KeyExpiry.At, out terms),
            RedisCommandId.PExpireAt => ExpiryArguments.ReadExpire(command, known.Name, 1, KeyExpiry.At, out terms),
            _ => null,
        };
    }

    private static string? ReadNumbers(RedisCommandId id, RespParser command, ref long first, ref long second) => id switch
    {
        RedisCommandId.IncrBy or RedisCommandId.DecrBy or RedisCommandId.GetRange or RedisCommandId.SetRange
            when !ExpiryArguments.TryNumber(command[2], out first) => RedisErrors.NotAnInteger,
        RedisCommandId.GetRange when !ExpiryArguments.TryNumber(command[3], out second) => RedisErrors.NotAnInteger,
        RedisCommandId.DecrBy when first == long.MinValue => "ERR decrement would overflow",
        RedisCommandId.SetRange when first < 0 => "ERR offset is out of range",
        _ => null,
    };

    private static void Many(RedisCommandId id, RespParser command, Pipeline pipeline)
    {
        bool deletes = id is RedisCommandId.Del or RedisCommandId.Unlink;
        for (int i = 1; i < command.Count; i++)
        {
            ReadOnlySpan<byte> key = command[i];
            KeyValuePayload operations = pipeline.For(key, write: deletes);
            _ = deletes ? operations.Delete(key) : id == RedisCommandId.MGet ? operations.Get(key) : operations.Exists(key);
        }

        pipeline.Answer(id == RedisCommandId.MGet ? Form.Array : deletes ? Form.WrittenSum : Form.Sum, command.Count - 1);
    }

    private static void SetMany(RedisCommand known, RespParser command, Pipeline pipeline)
    {
        if (command.Count % 2 == 0)
        {
            pipeline.AnswerError(RedisErrors.WrongArity(known.Name));
            return;
        }

        if (!pipeline.AreOfOneShard(known, command))
        {
            pipeline.AnswerError(RedisErrors.CrossSlot);
            return;
        }

        int pairs = (command.Count - 1) / 2;
        KeyValuePayload target = pipeline.For(command[1], write: true);
        if (known.Id == RedisCommandId.MSet)
        {
            for (int i = 1; i < command.Count; i += 2)
                target.Set(command[i], command[i + 1]);
            pipeline.Again(pairs - 1);
            pipeline.Answer(Form.AllOk, pairs);
            return;
        }

        var required = new List<(ReadOnlyMemory<byte>, long)>();
        var all = new KeyValuePayload();
        for (int i = 1; i < command.Count; i += 2)
        {
            required.Add((command[i].ToArray(), KeyValueVersion.Missing));
            all.Set(command[i], command[i + 1]);
        }

        target.Atomic(required, all);
        pipeline.Again(pairs);
        pipeline.Answer(Form.Done, pairs + 1);
    }

    private static void Rename(RedisCommand known, RespParser command, Pipeline pipeline)
    {
        if (!pipeline.AreOfOneShard(known, command))
        {
            pipeline.AnswerError(RedisErrors.CrossSlot);
            return;
        }

        pipeline.For(command[1], write: true).Rename(command[1], command[2], onlyIfMissing: known.Id == RedisCommandId.RenameNx);
        pipeline.Answer(Form.Single);
    }
}

/// <summary>SCAN: pages over the shards of the group, one after another.</summary>
internal static class ScanCommand
{
    private const int DefaultCount = 10, MostCount = 10_000;

    public static void Add(RespParser command, Pipeline pipeline, ScanCursors cursors)
    {
        if (!Utf8Parser.TryParse(command[1], out ulong cursor, out int used) || used != command[1].Length)
        {
            pipeline.AnswerError("ERR invalid cursor");
            return;
        }

        long count = DefaultCount;
        byte[]? pattern = null;
        bool strings = true;
        for (int i = 2; i < command.Count; i += 2)
        {
            string? wrong = i + 1 == command.Count ? RedisErrors.Syntax
                : Ascii.EqualsIgnoreCase(command[i], "COUNT"u8) ? (!ExpiryArguments.TryNumber(command[i + 1], out count) ? RedisErrors.NotAnInteger : count < 1 ? RedisErrors.Syntax : null)
                : Ascii.EqualsIgnoreCase(command[i], "MATCH"u8) && command[i + 1].Length > RedisGlob.MostBytes ? $"ERR a pattern has at most {RedisGlob.MostBytes} bytes, this one has {command[i + 1].Length}"
                : Ascii.EqualsIgnoreCase(command[i], "MATCH"u8) || Ascii.EqualsIgnoreCase(command[i], "TYPE"u8) ? null : RedisErrors.Syntax;
            if (wrong is not null)
            {
                pipeline.AnswerError(wrong);
                return;
            }

            if (Ascii.EqualsIgnoreCase(command[i], "MATCH"u8))
                pattern = command[i + 1].ToArray();
            else if (Ascii.EqualsIgnoreCase(command[i], "TYPE"u8))
                strings = Ascii.EqualsIgnoreCase(command[i + 1], "string"u8);
        }

        byte[] prefix = pattern is null ? [] : RedisGlob.PrefixOf(pattern);
        ScanPosition? at = cursor == 0 ? new ScanPosition(0, prefix) : cursors.Find((long)cursor);
        if (at is null)
        {
            pipeline.AnswerError("ERR invalid cursor: this node does not know it, or not any more");
            return;
        }

        pipeline.ForShard(at.Shard, write: false).Scan(at.From, KeyValuePage.EndOf(prefix), (int)Math.Min(count, MostCount), mayWait: true);
        pipeline.Answer(Form.Scan, 1, new ScanAsked((long)cursor, at.Shard, prefix, pattern, strings));
    }
}
