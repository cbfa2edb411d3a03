using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Simulation.Quorum;

/// <summary>What a seed did and whether all rules held.</summary>
internal sealed record QuorumResult(ulong Seed, string Profile, long Steps, ulong Hash, string? Rule, string? Detail, IReadOnlyDictionary<string, long> Coverage);

/// <summary>
/// One seed: clients read and write through any replica while links, processes, disks and clocks fail; then everything is healed, repaired and compared.
/// </summary>
internal sealed class QuorumTrial
{
    public static readonly string[] Profiles = ["everything", "network", "crashes", "disks", "deletions", "stand-ins"];

    private static readonly SortedDictionary<string, long> NoCoverage = [];

    private readonly SortedDictionary<string, long> _coverage = [];
    private readonly QuorumWorld _world;
    private readonly QuorumRules _rules;
    private readonly string _profile;
    private readonly string[] _keys;
    private bool _healing;
    private int _busy;
    private int _lostDisk;

    private QuorumTrial(ulong seed, string profile)
    {
        _profile = profile;
        var draw = new DeterministicRandom(seed ^ 0x51C0);
        int nodes = profile == "stand-ins" || draw.Chance(1, 3) ? 5 : 3;
        bool forgets = profile == "deletions";
        _world = new QuorumWorld(seed, new QuorumOptions
        {
            Tokens = 4,
            MerkleDepth = 1 + (int)draw.Next(2),
            HintAfterMicros = (20 + draw.Next(100)) * Instant.Millisecond,
            HintReplayMicros = (50 + draw.Next(200)) * Instant.Millisecond,
            HintReplayBytes = (int)(100 + draw.Next(1_000)),
            MaxHintAgeMicros = forgets ? Instant.Second : 3600 * Instant.Second,
            RepairMicros = (100 + draw.Next(900)) * Instant.Millisecond,
            RepairBytes = (int)(100 + draw.Next(1_000)),
            GraceMicros = forgets ? 4 * Instant.Second : 7200 * Instant.Second,
            MaxSkewMicros = 500 * Instant.Millisecond,
            TickMicros = 5 * Instant.Millisecond,
            CheckpointEntries = 20 + draw.Next(200),
        }, nodes)
        {
            Drop = profile == "network" ? 50 : (int)draw.Next(20),
            Duplicate = (int)draw.Next(20),
            MaxLatency = (1 + draw.Next(profile == "network" ? 50 : 5)) * Instant.Millisecond,
        };
        _rules = new QuorumRules(_world);
        _world.Rules = _rules;
        _keys = [.. Enumerable.Range(0, 3).Select(number => $"key{number}")];
    }

    public static QuorumResult Run(ulong seed, string? profile, long steps)
    {
        string chosen = profile ?? Profiles[(int)new DeterministicRandom(seed ^ 0xD1CE).Next(Profiles.Length)];
        QuorumTrial? trial = null;
        try
        {
            trial = new QuorumTrial(seed, chosen);
            trial.Run(steps);
            return new QuorumResult(seed, chosen, trial._world.Steps, trial._world.Hash, null, null, trial.Coverage());
        }
        catch (QuorumRuleBrokenException broken)
        {
            return new QuorumResult(seed, chosen, trial?._world.Steps ?? 0, trial?._world.Hash ?? 0, broken.Rule, broken.Message, NoCoverage);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            return new QuorumResult(seed, chosen, trial?._world.Steps ?? 0, trial?._world.Hash ?? 0, failure.GetType().Name, failure.ToString(), NoCoverage);
        }
    }

    private DeterministicRandom Random => _world.Random;

    private void Run(long steps)
    {
        _world.Start();
        for (int client = 0; client < 4; client++)
            Think(new Client(client));
        _world.After(200 * Instant.Millisecond, Strike);
        while (_world.Steps < steps)
            _world.Step();
        Heal();
    }

    private sealed class Client(int number)
    {
        public int Number => number;
        public long Values { get; set; }

        // What it has read last, by key.
        public Dictionary<string, VersionVector> Contexts { get; } = [];
        public Dictionary<string, ReadOnlyMemory<byte>> Tokens { get; } = [];
    }

    // ---- clients ----

    private void Think(Client client)
    {
        if (!_healing)
            _world.After(1 + Random.Next(40 * Instant.Millisecond), () => Act(client));
    }

    private void Act(Client client)
    {
        if (_healing)
            return;
        _busy++;
        string key = _keys[Random.Next(_keys.Length)];
        if (Random.Chance(1, 2))
            Read(client, key);
        else
            Write(client, key);
    }

    private void Done(Client client)
    {
        _busy--;
        Think(client);
    }

    private void Read(Client client, string key)
    {
        bool isWeak = Random.Chance(1, 5);
        IReadOnlyList<ClientWrite> safe = _rules.SafeWrites(key);
        _world.Submit(AnyNode(), new QuorumRequest(QuorumOperation.Get, Encoding.UTF8.GetBytes(key), Level: isWeak ? Consistency.One : Consistency.Quorum), Patience(), outcome =>
        {
            if (outcome.Reply is { } reply)
            {
                Count(isWeak ? "weak reads" : "quorum reads");
                if (!isWeak)
                    _rules.Read(key, reply, safe);
                client.Tokens[key] = reply.Context;
                client.Contexts[key] = ContextToken.Decode(reply.Context, Encoding.UTF8.GetBytes(key));
            }
            else
            {
                Count($"reads refused: {outcome.Why!.Value.Reason}");
            }

            Done(client);
        });
    }

    private void Write(Client client, string key)
    {
        bool isDelete = Random.Chance(_profile == "deletions" ? 1 : 0, 2) || Random.Chance(1, 6);
        bool isBlind = Random.Chance(1, 4);
        VersionVector context = isBlind ? VersionVector.Empty : client.Contexts.GetValueOrDefault(key, VersionVector.Empty);
        string value = isDelete ? "" : $"{client.Number}.{++client.Values}";
        byte[] id = new byte[16];
        for (int i = 0; i < id.Length; i++)
            id[i] = (byte)Random.NextUInt64();
        var write = new ClientWrite(new Guid(id), key, value, isDelete, context);
        _rules.Begins(write);
        var request = new QuorumRequest(isDelete ? QuorumOperation.Delete : QuorumOperation.Put, Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value),
            isBlind ? default : client.Tokens.GetValueOrDefault(key), write.Id, Level());
        Send(client, write, request, AnyNode(), attempts: 4);
    }

    private Consistency Level() => Random.Next(10) switch { 0 => Consistency.One, 1 => Consistency.Any, 2 => Consistency.All, _ => Consistency.Quorum };

    private void Send(Client client, ClientWrite write, QuorumRequest request, int node, int attempts)
    {
        _world.Submit(node, request, Patience(), outcome =>
        {
            if (outcome.Reply is { } reply)
            {
                bool isSafe = request.Level.Kind is ConsistencyKind.Quorum or ConsistencyKind.All;
                Count(isSafe ? "safe writes" : "weak writes");
                write.IsSafe |= isSafe;
                client.Tokens[write.Key] = reply.Context;
                client.Contexts[write.Key] = ContextToken.Decode(reply.Context, Encoding.UTF8.GetBytes(write.Key));
                Done(client);
                return;
            }

            Rejection why = outcome.Why!.Value;
            Count($"writes refused: {why.Reason}");
            if (why.Reason == RejectReason.Invalid)
                throw new QuorumRuleBrokenException("requests", $"a right request was refused: {why.Detail}");
            if (attempts == 0 || _healing)
                Done(client);
            else
                _world.After(1 + Random.Next(20 * Instant.Millisecond), () => Send(client, write, request, why.Leader.IsNone ? AnyNode() : why.Leader.Value, attempts - 1));
        });
    }

    private int AnyNode() => 1 + (int)Random.Next(_world.Nodes.Count);

    private long Patience() => (20 + Random.Next(300)) * Instant.Millisecond;

    // ---- faults ----

    private void Strike()
    {
        if (_healing)
            return;
        int number = AnyNode();
        QuorumNode node = _world[number];
        bool forgets = _profile == "deletions";
        switch (Random.Next(10))
        {
            case 0 or 1:
                Crash(node, forgets ? 10 * Instant.Second : Instant.Second);
                break;
            case 2 when _profile is "crashes" or "everything":
                foreach (QuorumNode each in _world.Nodes)
                    Crash(each, Instant.Second);
                break;
            case 3 or 4:
                Count("isolations");
                _world.Isolate(number);
                _world.After(Random.Next((forgets ? 8 : 2) * Instant.Second), _world.HealNetwork);
                break;
            case 5:
                _world.Cut(new ReplicaId(number), new ReplicaId(AnyNode()));
                _world.After(Random.Next(2 * Instant.Second), _world.HealNetwork);
                break;
            case 6:
                Count("clocks set");
                node.WallSkew = Random.Next(Instant.Second) - Instant.Second / 2 + (Random.Chance(1, 4) ? (Random.Next(20) - 10) * Instant.Second : 0);
                break;
            case 7 when _profile is "disks" or "everything":
                LoseDisk(node);
                break;
            case 8:
                node.MaxSync = (1 + Random.Next(100)) * Instant.Millisecond;
                _world.After(Random.Next(Instant.Second), () => node.MaxSync = 2 * Instant.Millisecond);
                break;
            case 9:
                int other = AnyNode();
                bool up = Random.Chance(1, 2);
                if (node.IsUp && other != number)
                    node.Tell(new Input.PeerHint(new ReplicaId(other), up));
                break;
        }

        _world.After(Random.Next(400 * Instant.Millisecond), Strike);
    }

    private void Crash(QuorumNode node, long downtime)
    {
        if (!node.IsUp)
            return;
        Count("crashes");
        node.Crash();
        _world.After(1 + Random.Next(downtime), node.Start);
    }

    // A majority keeps what it has: one disk at a time, and the next when that one is rebuilt.
    private void LoseDisk(QuorumNode node)
    {
        if (_lostDisk != 0 && (!_world[_lostDisk].IsUp || _world[_lostDisk].Replica!.IsRebuilding))
            return;
        if (_world.Nodes.Any(each => !each.IsUp || each.Replica!.IsRebuilding))
            return;
        Count("disks lost");
        _lostDisk = node.Id.Value;
        if (Random.Chance(1, 2))
            node.LoseDisk();
        else
            node.Damage();
        _world.After(1 + Random.Next(Instant.Second), node.Start);
    }

    // ---- the end ----

    private void Heal()
    {
        _healing = true;
        _world.HealNetwork();
        (_world.Drop, _world.Duplicate, _world.MaxLatency) = (0, 0, Instant.Millisecond);
        foreach (QuorumNode node in _world.Nodes)
        {
            node.WallSkew = 0;
            node.MaxSync = 2 * Instant.Millisecond;
            node.Start();
            foreach (ReplicaId other in _world.Ids.Where(id => id != node.Id))
                node.Tell(new Input.PeerHint(other, Up: true));
        }

        // Values from clocks that were ahead are taken once the others have come there.
        _world.RunFor(15 * Instant.Second);
        Until("operations that were under way end", () => _busy == 0);
        Until("replicas are rebuilt", () => _world.Nodes.All(node => !node.Replica!.IsRebuilding));
        Until("hints drain", () => _world.Nodes.All(node => HintsOf(node) == 0));
        Until("trees are equal", () => _world.Nodes.All(one => _world.Nodes.All(other => one == other || one.Store.RootWith(other.Id) == other.Store.RootWith(one.Id))));
        _rules.Ended(_keys);
        FinalReads();
    }

    private void FinalReads()
    {
        int left = _keys.Length;
        foreach (string key in _keys)
        {
            IReadOnlyList<ClientWrite> safe = _rules.SafeWrites(key);
            _world.Submit(1, new QuorumRequest(QuorumOperation.Get, Encoding.UTF8.GetBytes(key), Level: Consistency.All), Instant.Second, outcome =>
            {
                if (outcome.Reply is null)
                    throw new QuorumRuleBrokenException("availability", $"a read of {key} fails although everything is healed: {outcome.Why!.Value.Detail}");
                _rules.Read(key, outcome.Reply, safe);
                left--;
            });
        }

        Until("the last reads end", () => left == 0);
    }

    private static long HintsOf(QuorumNode node) => StoreStanding.Decode(node.Store.Query(new StoreQuery.Standing().ToBytes())).HintBytes;

    private void Until(string what, Func<bool> holds)
    {
        if (!_world.RunUntil(holds, 120 * Instant.Second))
            throw new QuorumRuleBrokenException("recovery", $"two minutes after everything has healed: not yet that {what}");
    }

    private void Count(string what) => _coverage[what] = _coverage.GetValueOrDefault(what) + 1;

    private SortedDictionary<string, long> Coverage()
    {
        foreach ((string what, long count) in (ReadOnlySpan<(string, long)>)
            [
                ("writes", _rules.Writes), ("reads judged", _rules.Reads), ("reads with siblings", _rules.Siblings), ("hints kept", _rules.HintsKept), ("hints delivered", _rules.HintsDelivered),
                ("purges", _rules.Purges), ("rebuilds", _rules.Rebuilds), ("comparisons", _rules.Synced), ("writes with two dots", _rules.Twins),
                ("checkpoints", _world.Nodes.Sum(node => (long)node.Checkpoints)), ("messages", _world.Messages),
                ("skew refused", _world.Nodes.Sum(node => (long)node.Reports.Count(report => report.Contains("ahead of this replica's clock", StringComparison.Ordinal)))),
            ])
            _coverage[what] = count;
        return _coverage;
    }
}
