using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Simulation.Quorum;

/// <summary>
/// Clients without contexts, as Redis's are: they set keys, many at once, and each set replaces whatever there is. Whoever reads by a majority never finds again what was
/// acknowledged before another set began that is acknowledged too, whatever the coordinators knew and their clocks said.
/// </summary>
internal sealed class SetClients(QuorumWorld world, Action<string> count)
{
    private static readonly string[] Keys = ["set0", "set1", "set2"];

    private readonly Dictionary<string, List<Set>> _sets = Keys.ToDictionary(key => key, _ => new List<Set>());
    private long _values;

    public int Busy { get; private set; }
    public bool IsOver { get; set; }

    private DeterministicRandom Random => world.Random;

    public void Begin(int clients)
    {
        for (int client = 0; client < clients; client++)
            Think();
    }

    /// <summary>Once more, when all is healed.</summary>
    public void ReadAll(Action done)
    {
        int left = Keys.Length;
        foreach (string key in Keys)
        {
            Set[] known = Acknowledged(key);
            ReplicaId owner = new KeyPlacement(world.Ring).Of(Bytes(key)).All[^1];
            world.Submit(owner.Value, Get(key), 5 * Instant.Second, outcome =>
            {
                if (outcome.Reply is null)
                    throw new QuorumRuleBrokenException("availability", $"a read of {key} fails although everything is healed: {outcome.Why!.Value.Detail}");
                Judge(key, outcome.Reply, known);
                if (--left == 0)
                    done();
            });
        }
    }

    private void Think()
    {
        if (!IsOver)
            world.After(1 + Random.Next(40 * Instant.Millisecond), Act);
    }

    private void Act()
    {
        if (IsOver)
            return;
        string[] keys = [.. Keys.OrderBy(_ => Random.NextUInt64()).Take(1 + (int)Random.Next(Keys.Length))];
        Busy++;
        int left = keys.Length;
        void End()
        {
            if (--left > 0)
                return;
            Busy--;
            Think();
        }

        if (Random.Chance(1, 2))
            Read(keys, End);
        else
            Write(keys, End);
    }

    // ---- reads ----

    private void Read(string[] keys, Action end)
    {
        Set[][] known = [.. keys.Select(Acknowledged)];
        Submit([.. keys.Select(Get)], AnyNode(), (place, part) =>
        {
            if (part.Reply is { } reply)
            {
                count("reads of sets");
                Judge(keys[place], reply, known[place]);
            }

            end();
        });
    }

    private Set[] Acknowledged(string key) => [.. _sets[key].Where(set => set.IsSafe)];

    private void Judge(string key, QuorumReply reply, Set[] acknowledged)
    {
        string[] values = [.. reply.Values.Select(value => Encoding.UTF8.GetString(value.Span))];
        Set[] found = values.Length > 0
            ? [.. values.Select(value => _sets[key].Find(set => set.Value == value) ?? throw new QuorumRuleBrokenException("values", $"'{value}' of {key} was never written"))]
            : [];
        if (values.Length > 1)
            count("sets beside each other");
        foreach (Set later in acknowledged)
        {
            // Only a deletion that was under way when it began, or came after it, can have taken it away.
            if (found.Length == 0 && later.Value.Length > 0 && !_sets[key].Exists(set => set.Value.Length == 0 && set.Over >= later.Begun))
                throw new QuorumRuleBrokenException("lost set", $"{key} is empty although {later} was acknowledged and nothing was deleted since");
            if (found.FirstOrDefault(set => set.IsSafe && set.End < later.Begun && !MayComeTwice(key, set)) is { } earlier)
                throw new QuorumRuleBrokenException("lost set", $"{earlier} of {key} is read although {later} was acknowledged after it");
        }
    }

    // It was sent to two coordinators, and its id is forgotten by now: of the ids that are remembered the latest stay, and clocks say which those are.
    private bool MayComeTwice(string key, Set set) => set.Sent > 1 && (_sets[key].Count(other => other.End > set.Begun) > KeyVersions.MaxRecent || world.Nodes.Any(node => HasForgotten(node, key, set)));

    private static bool HasForgotten(QuorumNode node, string key, Set set) =>
        node.Store.VersionsOf(Bytes(key)).Context.Writes is { Count: KeyVersions.MaxRecent } writes && !writes.Any(write => write.Id == set.Id);

    // ---- writes ----

    private void Write(string[] keys, Action end)
    {
        ConsistencyLevel level = Random.Next(10) switch { 0 => ConsistencyLevel.One, 1 => ConsistencyLevel.All, 2 => ConsistencyLevel.Any, _ => default };
        var sets = new Set[keys.Length];
        var requests = new QuorumRequest[keys.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            bool isDelete = Random.Chance(1, 8);
            byte[] id = new byte[16];
            sets[i] = new Set(isDelete ? "" : $"{++_values}", world.Time, level.IsDefault || level.Kind == ConsistencyKind.All);
            _sets[keys[i]].Add(sets[i]);
            BitConverter.TryWriteBytes(id, Random.NextUInt64() | 1);
            sets[i].Id = new Guid(id);
            requests[i] = new QuorumRequest(isDelete ? QuorumOperation.Delete : QuorumOperation.Put, Bytes(keys[i]), Bytes(sets[i].Value), Id: sets[i].Id, Level: level, Replace: true, First: true);
        }

        foreach (Set set in sets)
            set.Sent++;
        Submit(requests, AnyNode(), (place, part) => Ended(sets[place], requests[place], part, attempts: 3, end));
    }

    private void Ended(Set set, QuorumRequest request, in QuorumPart part, int attempts, Action end)
    {
        if (part.Reply is not null)
        {
            count("sets done");
            set.End = set.Over = world.Time;
            set.IsSafe = set.IsStrong;
            end();
            return;
        }

        Rejection why = part.Why;
        if (why.Reason == RejectReason.Invalid)
            throw new QuorumRuleBrokenException("requests", $"a right request was refused: {why.Detail}");
        if (attempts == 0 || IsOver)
        {
            set.Over = world.Time;
            end();
            return;
        }

        set.Sent++;
        // What was certainly not done is sent as if for the first time.
        if (why.OutcomeUnknown)
            request = request with { First = false };
        Submit([request], why.Leader.IsNone ? AnyNode() : why.Leader.Value, (_, again) => Ended(set, request, again, attempts - 1, end));
    }

    /// <summary>As one batch, or by itself.</summary>
    private void Submit(QuorumRequest[] requests, int node, Action<int, QuorumPart> ended)
    {
        long patience = (20 + Random.Next(300)) * Instant.Millisecond;
        bool isBatch = requests.Length > 1 || Random.Chance(1, 2);
        RequestKind kind = requests[0].IsWrite ? RequestKind.Command : RequestKind.Read;
        world.Submit(node, kind, isBatch ? QuorumBatch.Encode(requests) : requests[0].ToBytes(), patience, outcome =>
        {
            for (int i = 0; i < requests.Length; i++)
                ended(i, outcome.Parts is { } parts ? parts[i] : new QuorumPart(outcome.Reply, outcome.Why ?? default));
        });
    }

    private static QuorumRequest Get(string key) => new(QuorumOperation.Get, Bytes(key));

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private int AnyNode() => 1 + (int)Random.Next(world.Nodes.Count);

    /// <param name="value">Unlike that of any other; empty: a deletion.</param>
    /// <param name="begun">When it was first sent.</param>
    /// <param name="isStrong">Of a level that a majority must acknowledge.</param>
    private sealed class Set(string value, long begun, bool isStrong)
    {
        public string Value => value;
        public long Begun => begun;
        public bool IsStrong => isStrong;
        public Guid Id { get; set; }

        /// <summary>When it was acknowledged.</summary>
        public long End { get; set; } = long.MaxValue;

        /// <summary>When it was, or was given up.</summary>
        public long Over { get; set; } = long.MaxValue;
        public bool IsSafe { get; set; }
        public int Sent { get; set; }

        public override string ToString() => $"{(value.Length == 0 ? "a deletion" : $"'{value}'")} ({begun} to {End} µs)";
    }
}
