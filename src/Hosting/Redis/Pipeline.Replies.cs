using System.Buffers;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Redis;

/// <summary>What the machine replied, in the words of Redis; and transactions, whose replies stand or fall together.</summary>
internal sealed partial class Pipeline
{
    // While a transaction is taken apart: its operations, and the part of the shard they will go to.
    private KeyValuePayload? _transaction;
    private PipelinePart? _transactionPart;

    /// <summary>The operations of so many commands that follow are one step of a shard.</summary>
    public void BeginTransaction(int shard, int commands)
    {
        _transactionPart = PartOf(shard);
        _transactionPart.Reads = true;
        _operations.Add(_transactionPart);
        Answer(Form.Transaction, 1, commands);
        _transaction = new KeyValuePayload();
    }

    public void EndTransaction(IEnumerable<(ReadOnlyMemory<byte> Key, long Version)> required)
    {
        Invariant.That(_transaction is not null, "a transaction ends that has begun");
        _transactionPart!.Operations.Atomic(required, _transaction);
        _transaction = null;
        _transactionPart = null;
    }

    /// <summary>So many replies follow, as one array.</summary>
    public void AnswerHeader(int replies)
    {
        _ready.WriteArrayHeader(replies);
        AnswerReady();
    }

    /// <summary>Keys are watched from here on. What is read until EXEC, the primary answers: a value that is older than its version would be lost from sight.</summary>
    public void BeginWatch() => client.HasWatched = true;

    /// <summary>The versions just asked for are what the connection watches.</summary>
    public void AnswerWatch(RespParser command)
    {
        byte[][] keys = new byte[command.Count - 1][];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = command[i + 1].ToArray();
        Answer(Form.Watch, keys.Length, keys);
    }

    private void WriteReplies(ArrayBufferWriter<byte> output, Slot slot)
    {
        if (slot.Form == Form.Transaction)
            WriteTransaction(output, (int)slot.Asked!);
        else if (_error is not null)
        {
            client.Transaction.IsWrong |= slot.Form == Form.Watch;
            output.WriteError(_error);
        }
        else if (slot.Form is Form.Single or Form.Array)
            WriteCollected(output, slot);
        else
            WriteForm(output, slot);
    }

    private void WriteForm(ArrayBufferWriter<byte> output, Slot slot)
    {
        KeyValueReply first = _collected[0];
        switch (slot.Form)
        {
            case Form.Sum or Form.WrittenSum:
                output.WriteInteger(_collected.Sum(reply => reply.Integer));
                break;
            case Form.AllOk:
                output.Write("+OK\r\n"u8);
                break;
            case Form.Done:
                output.WriteInteger(first.Kind == KeyValueReplyKind.Ok ? 1 : 0);
                break;
            case Form.TypeName:
                output.WriteSimple(first.Integer == 1 ? "string" : "none");
                break;
            case Form.Seconds or Form.Millis or Form.EndSeconds:
                output.WriteInteger(TimeIn(slot.Form, first.Integer));
                break;
            case Form.Scan:
                WriteScan(output, (ScanAsked)slot.Asked!, first);
                break;
            case Form.Watch:
                WriteWatched(output, (byte[][])slot.Asked!);
                break;
            default:
                throw new InvariantViolationException($"{slot.Form} has its own way");
        }
    }

    // Redis rounds to the nearest second.
    private static long TimeIn(Form form, long end)
    {
        if (end < 0)
            return end;
        long millis = form == Form.EndSeconds ? end : Math.Max(0, end - ExpiryArguments.Now);
        return form == Form.Millis ? millis : (millis + 500) / 1000;
    }

    private void WriteScan(ArrayBufferWriter<byte> output, ScanAsked asked, KeyValueReply page)
    {
        KeyValueListed[] keys = [.. KeyValuePage.Read(page, entries: false)];
        long cursor = CursorAfter(asked, page, keys);
        RedisGlob? pattern = asked.Pattern is null ? null : new RedisGlob(asked.Pattern);
        KeyValueListed[] listed = asked.Strings ? [.. keys.Where(key => pattern is null || pattern.Matches(key.Key.Span))] : [];
        output.WriteArrayHeader(2);
        output.WriteBulk(cursor.ToString(System.Globalization.CultureInfo.InvariantCulture));
        output.WriteArrayHeader(listed.Length);
        foreach (KeyValueListed key in listed)
            output.WriteBulk(key.Key.Span);
    }

    private long CursorAfter(ScanAsked asked, KeyValueReply page, KeyValueListed[] keys)
    {
        // The same page is asked for again.
        if (KeyValuePage.IsToCome(page))
            return asked.Cursor != 0 ? asked.Cursor : server.Cursors.Keep(client.Id, new ScanPosition(asked.Shard, asked.Prefix));
        bool more = page.Integer == 1;
        int next = more ? asked.Shard : asked.Shard + 1;
        return next == Group.Shards ? 0 : server.Cursors.Keep(client.Id, new ScanPosition(next, more ? KeyValuePage.After(keys[^1].Key.Span) : asked.Prefix));
    }

    private void WriteWatched(ArrayBufferWriter<byte> output, byte[][] keys)
    {
        string? wrong = null;
        for (int i = 0; i < keys.Length; i++)
            wrong ??= client.Transaction.Watch(keys[i], _collected[i].Integer);
        client.Transaction.IsWrong |= wrong is not null;
        if (wrong is null)
            output.Write("+OK\r\n"u8);
        else
            output.WriteError(wrong);
    }

    /// <summary>Carried out: the replies follow. Else one reply stands for all of them.</summary>
    private void WriteTransaction(ArrayBufferWriter<byte> output, int commands)
    {
        if (_error is null && _collected[0].Kind == KeyValueReplyKind.Ok)
        {
            output.WriteArrayHeader(commands);
            return;
        }

        if (_error is not null)
            output.WriteError(_error);
        else
            output.WriteNilArray(client.Protocol);
        _passOver = commands;
    }

    private void WriteCollected(ArrayBufferWriter<byte> output, Slot slot)
    {
        if (slot.Form == Form.Array)
            output.WriteArrayHeader(_collected.Count);
        foreach (KeyValueReply reply in _collected)
        {
            switch (reply.Kind)
            {
                case KeyValueReplyKind.Ok:
                    output.Write("+OK\r\n"u8);
                    break;
                case KeyValueReplyKind.Integer:
                    output.WriteInteger(reply.Integer);
                    break;
                case KeyValueReplyKind.Bytes:
                    output.WriteBulk(reply.Bytes.Span);
                    break;
                default:
                    Invariant.That(reply.Kind == KeyValueReplyKind.Nil, "every kind of reply has a form in RESP");
                    output.WriteNil(client.Protocol);
                    break;
            }
        }
    }
}
