using System.Buffers;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Crdt;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;

namespace ActorRepl.Hosting.Redis.Crdt;

/// <summary>
/// The commands that a CRDT group serves: INCR and its kin are a counter, SADD and its kin an OR-Set, HSET and its kin an add-wins map of registers. What else there is of
/// Redis about keys makes no sense where nobody has the last word, and is refused.
/// </summary>
internal static class CrdtCommands
{
    private const string Offered = "INCR, INCRBY, DECR, DECRBY, GET, SADD, SREM, SMEMBERS, SISMEMBER, SCARD, HSET, HGET, HDEL, HGETALL, HLEN, DEL and TYPE are";

    // Name: least arguments with the name, and whether any number more.
    private static readonly Dictionary<string, (int Arity, Action<Arguments, Pipeline> Add)> Commands = new(StringComparer.OrdinalIgnoreCase)
    {
        ["incr"] = (2, (command, pipeline) => Increment(command, pipeline, 1)),
        ["decr"] = (2, (command, pipeline) => Increment(command, pipeline, -1)),
        ["incrby"] = (3, (command, pipeline) => IncrementBy(command, pipeline, 1)),
        ["decrby"] = (3, (command, pipeline) => IncrementBy(command, pipeline, -1)),
        ["get"] = (2, Get),
        ["sadd"] = (-3, (command, pipeline) => Elements(command, pipeline, element => new CrdtOperation.Insert(element))),
        ["srem"] = (-3, (command, pipeline) => Elements(command, pipeline, element => new CrdtOperation.Remove(element))),
        ["smembers"] = (2, Members),
        ["sismember"] = (3, IsMember),
        ["scard"] = (2, (command, pipeline) => Count(command, pipeline, CrdtType.Set)),
        ["hset"] = (-4, SetFields),
        ["hget"] = (3, GetField),
        ["hdel"] = (-3, DeleteFields),
        ["hgetall"] = (2, AllFields),
        ["hlen"] = (2, (command, pipeline) => Count(command, pipeline, CrdtType.Map)),
        ["del"] = (-2, Delete),
        ["unlink"] = (-2, Delete),
        ["type"] = (2, TypeOf),
    };

    /// <summary>Adds a command about keys, or refuses it; false: it is about something else, and as in any group.</summary>
    public static bool TryAdd(RespParser command, Pipeline pipeline)
    {
        string name = Encoding.ASCII.GetString(command[0]).ToLowerInvariant();
        if (!Commands.TryGetValue(name, out (int Arity, Action<Arguments, Pipeline> Add) known))
        {
            if (RedisCommand.Find(command[0]) is not { } other)
                return false;
            bool ofKeys = other.FirstKey > 0 || other.Id is RedisCommandId.DbSize or RedisCommandId.Scan or RedisCommandId.Multi or RedisCommandId.Exec or RedisCommandId.Discard
                or RedisCommandId.Unwatch or RedisCommandId.Wait or RedisCommandId.Ack or RedisCommandId.Read or RedisCommandId.ReadOnly or RedisCommandId.ReadWrite;
            if (ofKeys)
                pipeline.AnswerError($"ERR '{name}' is not offered by a CRDT group: {Offered}");
            return ofKeys;
        }

        if (known.Arity > 0 ? command.Count != known.Arity : command.Count < -known.Arity)
            pipeline.AnswerError(RedisErrors.WrongArity(name));
        else if (command[1].Length is 0 or > CrdtKey.MaxNameBytes)
            pipeline.AnswerError($"ERR a key has 1 to {CrdtKey.MaxNameBytes} bytes, this one has {command[1].Length}");
        else
            known.Add(new Arguments(command), pipeline);
        return true;
    }

    private static void Increment(Arguments command, Pipeline pipeline, long amount)
    {
        var key = new CrdtKey(CrdtType.Counter, command[1]);
        pipeline.AnswerLater(new LateReply(writes: true, async (group, reply) =>
            reply.WriteInteger((await group.ApplyAsync([new CrdtStep(key, new CrdtOperation.Add(amount))]).ConfigureAwait(false)).Values[0])));
    }

    private static void IncrementBy(Arguments command, Pipeline pipeline, long sign)
    {
        if (!ExpiryArguments.TryNumber(command[2], out long amount))
            pipeline.AnswerError(RedisErrors.NotAnInteger);
        else if (amount == long.MinValue)
            pipeline.AnswerError("ERR decrement would overflow");
        else
            Increment(command, pipeline, sign * amount);
    }

    private static void Get(Arguments command, Pipeline pipeline)
    {
        var key = new CrdtKey(CrdtType.Counter, command[1]);
        int protocol = pipeline.Protocol;
        pipeline.AnswerLater(new LateReply(writes: false, async (group, reply) =>
        {
            CrdtView view = await AskAsync(group, new CrdtQuery.Whole(key), key).ConfigureAwait(false);
            if (view is { Version: > 0, Data: CrdtData.Number number })
                reply.WriteBulk(number.Value.ToString(System.Globalization.CultureInfo.InvariantCulture));
            else
                reply.WriteNil(protocol);
        }));
    }

    /// <summary>An operation for each element, together one update; answered by how many changed something.</summary>
    private static void Elements(Arguments command, Pipeline pipeline, Func<byte[], CrdtOperation> operation)
    {
        var key = new CrdtKey(CrdtType.Set, command[1]);
        CrdtStep[] steps = [.. command.From(2).Select(element => new CrdtStep(key, operation(element)))];
        if (Longest(command) is { } wrong)
            pipeline.AnswerError(wrong);
        else
            pipeline.AnswerLater(new LateReply(writes: true, async (group, reply) => reply.WriteInteger((await group.ApplyAsync(steps).ConfigureAwait(false)).Values.Sum())));
    }

    private static void Members(Arguments command, Pipeline pipeline)
    {
        var key = new CrdtKey(CrdtType.Set, command[1]);
        int protocol = pipeline.Protocol;
        pipeline.AnswerLater(new LateReply(writes: false, async (group, reply) =>
        {
            var elements = (CrdtData.Elements)(await AskAsync(group, new CrdtQuery.Whole(key), key).ConfigureAwait(false)).Data;
            reply.WriteSetHeader(elements.List.Count, protocol);
            foreach (ReadOnlyMemory<byte> element in elements.List)
                reply.WriteBulk(element.Span);
        }));
    }

    private static void IsMember(Arguments command, Pipeline pipeline)
    {
        var key = new CrdtKey(CrdtType.Set, command[1]);
        var query = new CrdtQuery.Contains(key, command[2]);
        if (Longest(command) is { } wrong)
            pipeline.AnswerError(wrong);
        else
            pipeline.AnswerLater(new LateReply(writes: false, async (group, reply) => reply.WriteInteger(((CrdtData.Switch)(await AskAsync(group, query, key).ConfigureAwait(false)).Data).On ? 1 : 0)));
    }

    private static void Count(Arguments command, Pipeline pipeline, CrdtType type)
    {
        var key = new CrdtKey(type, command[1]);
        pipeline.AnswerLater(new LateReply(writes: false, async (group, reply) =>
            reply.WriteInteger(((CrdtData.Number)(await AskAsync(group, new CrdtQuery.Count(key), key).ConfigureAwait(false)).Data).Value)));
    }

    /// <summary>Answered by how many fields were not there.</summary>
    private static void SetFields(Arguments command, Pipeline pipeline)
    {
        if (command.Count % 2 != 0)
        {
            pipeline.AnswerError(RedisErrors.WrongArity("hset"));
            return;
        }

        if (Longest(command) is { } wrong)
        {
            pipeline.AnswerError(wrong);
            return;
        }

        var key = new CrdtKey(CrdtType.Map, command[1]);
        (byte[] Field, byte[] Value)[] pairs = [.. Enumerable.Range(1, (command.Count - 2) / 2).Select(i => (command[2 * i], command[(2 * i) + 1]))];
        CrdtStep[] steps = [.. pairs.Select(pair => new CrdtStep(key, new CrdtOperation.Field(pair.Field, StoreKind.LwwRegister, new CrdtOperation.Write(pair.Value))))];
        pipeline.AnswerLater(new LateReply(writes: true, async (group, reply) => reply.WriteInteger((await group.ApplyAsync(steps).ConfigureAwait(false)).Values.Sum())));
    }

    private static void GetField(Arguments command, Pipeline pipeline)
    {
        var key = new CrdtKey(CrdtType.Map, command[1]);
        int protocol = pipeline.Protocol;
        CrdtQuery query = FieldOf(key, command[2]);
        pipeline.AnswerLater(new LateReply(writes: false, async (group, reply) =>
        {
            if ((await AskAsync(group, query, key).ConfigureAwait(false)).Data is CrdtData.Elements { List: [var value, ..] })
                reply.WriteBulk(value.Span);
            else
                reply.WriteNil(protocol);
        }));
    }

    private static void DeleteFields(Arguments command, Pipeline pipeline)
    {
        var key = new CrdtKey(CrdtType.Map, command[1]);
        CrdtStep[] steps = [.. command.From(2).Select(field => new CrdtStep(key, new CrdtOperation.RemoveField(field, StoreKind.LwwRegister)))];
        if (Longest(command) is { } wrong)
            pipeline.AnswerError(wrong);
        else
            pipeline.AnswerLater(new LateReply(writes: true, async (group, reply) => reply.WriteInteger((await group.ApplyAsync(steps).ConfigureAwait(false)).Values.Sum())));
    }

    private static void AllFields(Arguments command, Pipeline pipeline)
    {
        var key = new CrdtKey(CrdtType.Map, command[1]);
        int protocol = pipeline.Protocol;
        pipeline.AnswerLater(new LateReply(writes: false, async (group, reply) =>
        {
            var all = (CrdtData.Fields)(await AskAsync(group, new CrdtQuery.Whole(key), key).ConfigureAwait(false)).Data;
            (Datum Field, ReadOnlyMemory<byte> Value)[] fields =
                [.. all.List.Where(each => each.Field.Kind == StoreKind.LwwRegister).Select(each => (each.Field.Key, each.Value is CrdtData.Elements { List: [var value, ..] } ? value : default))];
            reply.WriteMapHeader(fields.Length, protocol);
            foreach ((Datum field, ReadOnlyMemory<byte> value) in fields)
            {
                reply.WriteBulk(field.Span);
                reply.WriteBulk(value.Span);
            }
        }));
    }

    /// <summary>Empties what has the name: what others change meanwhile stays. Keys of several shards are each emptied by themselves.</summary>
    private static void Delete(Arguments command, Pipeline pipeline)
    {
        byte[][] names = [.. command.From(1)];
        pipeline.AnswerLater(new LateReply(writes: null, async (group, reply) =>
        {
            int deleted = 0;
            foreach (byte[] name in names)
            {
                CrdtKey[] there = await FullAsync(group, name).ConfigureAwait(false);
                if (there.Length == 0)
                    continue;
                await group.ApplyAsync([.. there.Select(key => new CrdtStep(key, key.Type == CrdtType.Counter ? new CrdtOperation.Reset() : new CrdtOperation.Clear()))]).ConfigureAwait(false);
                deleted++;
            }

            reply.WriteInteger(deleted);
        }));
    }

    private static void TypeOf(Arguments command, Pipeline pipeline)
    {
        byte[] name = command[1];
        pipeline.AnswerLater(new LateReply(writes: false, async (group, reply) =>
        {
            CrdtKey[] there = await FullAsync(group, name).ConfigureAwait(false);
            reply.WriteSimple(there.Length == 0 ? "none" : there[0].Type switch { CrdtType.Set => "set", CrdtType.Map => "hash", _ => "string" });
        }));
    }

    /// <summary>Which of the three types that these commands know have something under the name.</summary>
    private static async ValueTask<CrdtKey[]> FullAsync(CrdtGroup group, byte[] name)
    {
        CrdtKey[] keys = [new(CrdtType.Counter, name), new(CrdtType.Set, name), new(CrdtType.Map, name)];
        CrdtAnswer answer = await group.AskAsync([new CrdtQuery.Whole(keys[0]), new CrdtQuery.Count(keys[1]), new CrdtQuery.Count(keys[2])], group.ShardOf(keys[0])).ConfigureAwait(false);
        return [.. keys.Where((_, i) => answer.Views[i] is { Version: > 0, Data: CrdtData.Number { Value: not 0 } })];
    }

    private static async ValueTask<CrdtView> AskAsync(CrdtGroup group, CrdtQuery query, CrdtKey key) => (await group.AskAsync([query], group.ShardOf(key)).ConfigureAwait(false)).Views[0];

    private static CrdtQuery.Field FieldOf(CrdtKey key, byte[] field) => new(key, [new MapField(new Datum(field), StoreKind.LwwRegister)]);

    private static string? Longest(Arguments command) => command.From(2).Any(argument => argument.Length > CrdtLimits.DatumBytes)
        ? $"ERR an element, field or value has at most {CrdtLimits.DatumBytes} bytes" : null;

    /// <summary>A command's words, kept: the parser's buffer is another's by the time the command is carried out.</summary>
    private sealed class Arguments
    {
        private readonly byte[][] _words;

        public Arguments(RespParser command)
        {
            _words = new byte[command.Count][];
            for (int i = 0; i < _words.Length; i++)
                _words[i] = command[i].ToArray();
        }

        public int Count => _words.Length;

        public byte[] this[int index] => _words[index];

        public IEnumerable<byte[]> From(int index) => _words.Skip(index);
    }
}
