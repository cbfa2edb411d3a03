using System.Buffers;

namespace ActorRepl.Protocols.Machines;

/// <summary>Operations of a payload that are about one key, in their order.</summary>
/// <param name="Key">The key.</param>
/// <param name="Places">Where each of them stood among all operations that get a reply.</param>
/// <param name="Operations">Each of them.</param>
/// <param name="Payload">The same as a payload.</param>
public sealed record KeyOperations(ReadOnlyMemory<byte> Key, IReadOnlyList<int> Places, IReadOnlyList<KeyValueOperation> Operations, ReadOnlyMemory<byte> Payload)
{
    /// <summary>They are about more than one key, or about none: nobody can carry them out; null: they are about the key.</summary>
    public KeyValueOperationKind? Refused { get; init; }
}

/// <summary>
/// What a <see cref="KeyValueMachine"/> does, on one key that is kept somewhere else: the same code comes to the same replies. For groups without a
/// common log, where every key has a history of its own.
/// </summary>
public static class SingleKey
{
    // What a node does with single keys it does on few threads.
    [ThreadStatic]
    private static (KeyValueOptions Options, KeyValueMachine Machine) s_ofThread;

    /// <summary>The version of a value that is written now, not after any that was read: unlike every other, as far as chance allows.</summary>
    public static long NewVersion(long millis) => KeyValueVersion.Of(millis) | (uint)Random.Shared.Next(1, KeyValueVersion.MostOperations);

    /// <summary>The reply to a plain get.</summary>
    public static byte[] ReplyToGet(KeyValueEntry? entry) => Reply(entry, static (replies, found) =>
    {
        if (found is null)
            replies.Nil();
        else
            replies.Bytes(found.Value.Span);
    });

    public static byte[] Ok() => Reply(0, static (replies, _) => replies.Ok());

    public static byte[] Integer(long value) => Reply(value, static (replies, number) => replies.Integer(number));

    public static byte[] Error(string text) => Reply(text, static (replies, error) => replies.Error(error));

    /// <summary>Carries operations out on a key as it is before them.</summary>
    /// <param name="key">Which.</param>
    /// <param name="before">Null: it is not there.</param>
    /// <param name="payload">All of it about this key.</param>
    /// <param name="millis">The time now, ms since 1970.</param>
    /// <param name="options">Limits.</param>
    /// <returns>The replies, and the key after them; null: it is not there. The same object as before: nothing has changed.</returns>
    public static (byte[] Replies, KeyValueEntry? After) Execute(
        ReadOnlySpan<byte> key, KeyValueEntry? before, ReadOnlyMemory<byte> payload, long millis, KeyValueOptions options)
    {
        if (!ReferenceEquals(s_ofThread.Options, options))
            s_ofThread = (options, new KeyValueMachine(options, hashSeed: 0));
        KeyValueMachine machine = s_ofThread.Machine;
        machine.Restore(before is null ? [] : [KeyValueMachine.SegmentOf(key, before)]);
        long index = Math.Max(millis, KeyValueVersion.IndexOf(before?.Version ?? 0) + 1);
        byte[] replies = machine.Apply(new Kernel.AppliedCommand(index, millis * 1000, payload)).ToArray();
        KeyValueReplyReader found = KeyValueCodec.Replies(machine.Query(new KeyValuePayload().GetEntry(key).Written));
        found.Next(out KeyValueReply entry);
        if (entry.Kind == KeyValueReplyKind.Nil)
            return (replies, null);
        return before is not null && entry.Version == before.Version && entry.ExpiresAt == before.ExpiresAt
            ? (replies, before)
            : (replies, new KeyValueEntry(entry.Bytes.ToArray(), entry.Version, entry.ExpiresAt));
    }

    /// <summary>
    /// The operations of a payload, key by key. A payload may hold those of many clients, and so what is about several keys, or none, is a part of its own, which is
    /// <see cref="KeyOperations.Refused"/>. A transaction goes with the other operations on its key.
    /// </summary>
    /// <param name="payload">In the machine's form.</param>
    /// <param name="count">How many replies it gets.</param>
    /// <exception cref="InvalidDataException">The payload cannot be read.</exception>
    public static IReadOnlyList<KeyOperations> Split(ReadOnlyMemory<byte> payload, out int count)
    {
        count = 0;
        var parts = new List<KeyOperations>();
        var byKey = new Dictionary<ReadOnlyMemory<byte>, List<Step>>(BytesComparer.Instance);
        KeyValueOperationReader reader = KeyValueCodec.Operations(payload);
        for (int start = reader.Position; reader.Next(out KeyValueOperation operation); start = reader.Position)
        {
            if (operation.Kind == KeyValueOperationKind.AsOf)
                continue;
            ReadOnlyMemory<byte>? key = operation.Kind == KeyValueOperationKind.Atomic ? default(ReadOnlyMemory<byte>?) : KeyOf(operation);
            List<KeyValueOperation> operations = operation.Kind == KeyValueOperationKind.Atomic ? Transaction(operation, ref reader, out key) : [operation];
            int[] places = new int[operations.Count];
            for (int i = 0; i < places.Length; i++)
                places[i] = count++;
            if (key is not { } one)
                parts.Add(new KeyOperations(default, places, operations, default) { Refused = operation.Kind });
            else if (byKey.TryGetValue(one, out List<Step>? steps))
                steps.Add(new Step(places, operations, payload[start..reader.Position]));
            else
                byKey.Add(one, [new Step(places, operations, payload[start..reader.Position])]);
        }

        parts.AddRange(byKey.Select(key => Of(key.Key, key.Value)));
        return parts;
    }

    /// <summary>The replies to a whole payload, of those to each of its keys.</summary>
    public static byte[] Join(IReadOnlyList<KeyOperations> parts, IReadOnlyList<ReadOnlyMemory<byte>> replies, int count)
    {
        var each = new ReadOnlyMemory<byte>[count];
        int length = 0;
        for (int i = 0; i < parts.Count; i++)
        {
            KeyValueReplyReader reader = KeyValueCodec.Replies(replies[i]);
            foreach (int place in parts[i].Places)
            {
                int start = reader.Position;
                bool isThere = reader.Next(out _);
                Kernel.Invariant.That(isThere, "every operation has a reply");
                each[place] = replies[i][start..reader.Position];
                length += each[place].Length;
            }
        }

        byte[] result = new byte[length];
        int at = 0;
        foreach (ReadOnlyMemory<byte> reply in each)
        {
            reply.Span.CopyTo(result.AsSpan(at));
            at += reply.Length;
        }

        return result;
    }

    private static byte[] Reply<T>(T said, Action<KeyValueReplyWriter, T> write)
    {
        KeyValueReplyWriter replies = KeyValueReplyWriter.Begin(int.MaxValue);
        write(replies, said);
        return replies.End();
    }

    private static KeyOperations Of(ReadOnlyMemory<byte> key, List<Step> steps)
    {
        if (steps is [var only])
            return new KeyOperations(key, only.Places, only.Operations, (byte[])[KeyValueCodec.Version, .. only.Bytes.Span]);
        var bytes = new ArrayBufferWriter<byte>();
        KeyValueCodec.WriteByte(bytes, KeyValueCodec.Version);
        foreach (Step step in steps)
            bytes.Write(step.Bytes.Span);
        return new KeyOperations(key, [.. steps.SelectMany(step => step.Places)], [.. steps.SelectMany(step => step.Operations)], bytes.WrittenMemory);
    }

    /// <summary>Null: it is about two keys, or about none.</summary>
    private static ReadOnlyMemory<byte>? KeyOf(in KeyValueOperation operation) =>
        operation.HasKey && !operation.IsRename ? operation.Key : default(ReadOnlyMemory<byte>?);

    /// <summary>A transaction with the operations that follow it; its key, if all its conditions and operations are about one.</summary>
    private static List<KeyValueOperation> Transaction(in KeyValueOperation atomic, ref KeyValueOperationReader rest, out ReadOnlyMemory<byte>? key)
    {
        var keys = new HashSet<ReadOnlyMemory<byte>>(BytesComparer.Instance);
        var conditions = new Kernel.ByteReader(atomic.Value);
        while (conditions.Remaining > 0)
        {
            keys.Add(KeyValueCodec.ReadBytes(ref conditions));
            conditions.Int64();
        }

        bool hasAll = true;
        var operations = new List<KeyValueOperation> { atomic };
        for (long left = atomic.Amount; left > 0 && rest.Next(out KeyValueOperation operation); left--)
        {
            if (KeyOf(operation) is { } one)
                keys.Add(one);
            else
                hasAll = false;
            operations.Add(operation);
        }

        key = hasAll && keys.Count == 1 ? keys.Single() : default(ReadOnlyMemory<byte>?);
        return operations;
    }

    /// <summary>An operation, or a transaction with its operations.</summary>
    private readonly record struct Step(int[] Places, List<KeyValueOperation> Operations, ReadOnlyMemory<byte> Bytes);
}
