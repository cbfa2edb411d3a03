using System.Text;
using ActorRepl.Protocols.Checking;
using ActorRepl.Protocols.Machines;
using ActorRepl.Simulation.Invariants;
using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.World;

/// <summary>
/// Keys that end, pairs that only batches change, and scans. The checker knows registers, so: a pair is one register, whose value is that of both of its
/// keys; the end of a value is somebody who compares with that very value and deletes, at any time from the write on, or never; a scan reads each key.
/// </summary>
internal sealed partial class SimulatedClient
{
    private const int LongestLife = 1500;
    private static readonly string[] Pairs = ["pair0", "pair1"], Ending = ["end0", "end1"];

    /// <summary>What the operation under way makes of its replies; null: one reply for each part, as usual.</summary>
    private Action<KeyValueReplyReader>? _take;

    /// <summary>The keys beside <see cref="SimulatedWorld.Keys"/> that these operations are about.</summary>
    public static IEnumerable<string> MoreKeys => [.. Pairs.SelectMany(pair => new[] { pair + "a", pair + "b" }), .. Ending];

    /// <summary>False: an ordinary operation is to be chosen.</summary>
    private bool TryChooseMore(KeyValuePayload payload)
    {
        if (!world.Profile.Lists || world.Random.Chance(1, 2))
            return false;
        bool writes = _kind == Protocols.Kernel.RequestKind.Command;
        switch (world.Random.Next(3))
        {
            case 0 when writes:
                WriteEnding(payload, Ending[world.Random.Next(Ending.Length)]);
                break;
            case 0:
                Read(payload, Ending[world.Random.Next(Ending.Length)]);
                break;
            case 1 when !writes:
                Scan(payload);
                break;
            default:
                string pair = Pairs[world.Random.Next(Pairs.Length)];
                if (writes)
                    WritePair(payload, pair);
                else
                    ReadPair(payload, pair);
                break;
        }

        return true;
    }

    private void WriteEnding(KeyValuePayload payload, string key)
    {
        string value = world.NextValue(number);
        long life = world.Random.Next(5) switch { 0 => 1, 1 => 60_000, _ => 1 + world.Random.Next(LongestLife) };
        payload.Put(Bytes(key), Bytes(value), new KeyValueTerms(Expiry: KeyExpiry.In, Millis: life));
        _parts.Add(Operation(RecordedAction.Write, key, value));
        RecordedOperation end = Operation(RecordedAction.CompareAndSet, key, "") with { Expected = value, Succeeded = true };
        _ends.Add(end);
    }

    /// <summary>The ends that come with the write under way, if it is done or may be.</summary>
    private readonly List<RecordedOperation> _ends = [];

    private void RecordEnds()
    {
        world.History.AddRange(_ends);
        _ends.Clear();
    }

    private void WritePair(KeyValuePayload payload, string pair)
    {
        string value = world.NextValue(number);
        byte[] first = Bytes(pair + "a"), second = Bytes(pair + "b");
        RecordedOperation part;
        if (world.Random.Chance(1, 2))
        {
            payload.Atomic([], new KeyValuePayload().Append(first, Bytes(value)).Append(second, Bytes(value)));
            part = Operation(RecordedAction.Append, pair, value);
        }
        else
        {
            (string expected, long version) = world.LastPair(pair);
            payload.Atomic([(first, version)], new KeyValuePayload().Set(second, Bytes(value)).Set(first, Bytes(value)));
            part = Operation(RecordedAction.CompareAndSet, pair, value) with { Expected = expected };
        }

        _parts.Add(part);
        _take = replies =>
        {
            bool holds = Next(ref replies).Kind == KeyValueReplyKind.Ok;
            world.Coverage.Count(holds ? CoverageItem.BatchesDone : CoverageItem.BatchesRefused);
            if (part.Action == RecordedAction.Append && !holds)
                throw new RuleBrokenException("replies", $"client {number}: a batch without conditions was refused");
            Keep(part with { Succeeded = part.Action == RecordedAction.CompareAndSet ? holds : null }, null);
        };
    }

    private void ReadPair(KeyValuePayload payload, string pair)
    {
        payload.GetEntry(Bytes(pair + "a")).GetEntry(Bytes(pair + "b"));
        RecordedOperation part = Operation(RecordedAction.Read, pair, "");
        _parts.Add(part);
        _take = replies =>
        {
            KeyValueReply first = Next(ref replies), second = Next(ref replies);
            KeepPair(part, Text(first), first.Kind == KeyValueReplyKind.Entry ? first.Version : KeyValueVersion.Missing, Text(second));
        };
    }

    private void Scan(KeyValuePayload payload)
    {
        payload.Scan([], null, 1000, entries: true);
        string[] registers = [.. world.Keys, .. Pairs, .. Ending];
        RecordedOperation[] parts = [.. registers.Select(key => Operation(RecordedAction.Read, key, ""))];
        _parts.AddRange(parts);
        _take = replies =>
        {
            world.Coverage.Count(CoverageItem.Scans);
            KeyValueListed[] listed = [.. KeyValuePage.Read(Next(ref replies), entries: true)];
            for (int i = 1; i < listed.Length; i++)
            {
                if (listed[i - 1].Key.Span.SequenceCompareTo(listed[i].Key.Span) >= 0)
                    throw new RuleBrokenException("replies", $"client {number}: a scan is out of order");
            }

            Dictionary<string, KeyValueListed> found = listed.ToDictionary(item => Encoding.UTF8.GetString(item.Key.Span), StringComparer.Ordinal);
            foreach (RecordedOperation part in parts)
            {
                if (Pairs.Contains(part.Key))
                    KeepPair(part, Text(found, part.Key + "a"), found.TryGetValue(part.Key + "a", out KeyValueListed item) ? item.Version : KeyValueVersion.Missing, Text(found, part.Key + "b"));
                else
                    Keep(part, Text(found, part.Key));
            }
        };
    }

    /// <summary>Where the two of a pair differ, the value is one that nobody wrote.</summary>
    private void KeepPair(RecordedOperation part, string first, long version, string second)
    {
        Keep(part, first == second ? first : $"{first} beside {second}");
        if (first == second)
            world.SawPair(part.Key, first, version);
    }

    /// <param name="done">As it was called.</param>
    /// <param name="value">Of a read: what it found.</param>
    private void Keep(RecordedOperation done, string? value)
    {
        if (value is { Length: 0 } && Ending.Contains(done.Key))
            world.Coverage.Count(CoverageItem.KeysEnded);
        _kept.Add(done with { Returned = world.Events, Value = value ?? done.Value });
    }

    private readonly List<RecordedOperation> _kept = [];

    private KeyValueReply Next(ref KeyValueReplyReader replies) =>
        replies.Next(out KeyValueReply reply) && reply.Kind != KeyValueReplyKind.Error ? reply : throw new RuleBrokenException("replies", $"client {number} got an error or fewer replies than operations");

    private static string Text(in KeyValueReply reply) => reply.Kind == KeyValueReplyKind.Entry ? Encoding.UTF8.GetString(reply.Bytes.Span) : "";

    private static string Text(Dictionary<string, KeyValueListed> found, string key) => found.TryGetValue(key, out KeyValueListed item) ? Encoding.UTF8.GetString(item.Value.Span) : "";

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
