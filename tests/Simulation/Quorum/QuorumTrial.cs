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
    public static readonly string[] Profiles = ["everything", "network", "crashes", "disks", "deletions", "stand-ins", "serial", "ring", "sets", "levels", "latest", "forgetting"];

    private static readonly SortedDictionary<string, long> NoCoverage = [];

    /// <summary>What is written at the one is read at the other, whoever answers: R + W > N.</summary>
    private static readonly (ConsistencyLevel Read, ConsistencyLevel Write)[] Meeting =
    [
        (ConsistencyLevel.Quorum, ConsistencyLevel.Quorum), (ConsistencyLevel.One, ConsistencyLevel.All), (ConsistencyLevel.All, ConsistencyLevel.One),
        (ConsistencyLevel.Two, ConsistencyLevel.Two), (ConsistencyLevel.LocalQuorum, ConsistencyLevel.EachQuorum),
    ];

    private readonly SortedDictionary<string, long> _coverage = [];
    private readonly QuorumWorld _world;
    private readonly QuorumRules _rules;
    private readonly string _profile;
    private readonly string[] _keys;
    private readonly int _spares;
    private readonly bool _forgets;
    private readonly (ConsistencyLevel Read, ConsistencyLevel Write) _levels;
    private bool _healing;
    private int _busy;
    private int _lostDisk;
    private readonly SerialClients _serial;
    private readonly SetClients _sets;

    private QuorumTrial(ulong seed, string profile)
    {
        _profile = profile;
        var draw = new DeterministicRandom(seed ^ 0x51C0);
        int nodes = profile == "stand-ins" || draw.Chance(1, 3) ? 5 : 3;
        _forgets = profile is "deletions" or "forgetting";
        bool changes = profile is "ring" or "forgetting" || (profile is "everything" or "sets" && draw.Chance(1, 3));
        _levels = profile == "levels" ? Meeting[(int)draw.Next(Meeting.Length)] : Meeting[0];
        bool hasRegions = _levels.Write.Kind == ConsistencyKind.EachQuorum;
        if (hasRegions)
            nodes = 6;
        else if (profile == "levels")
            changes = draw.Chance(1, 2);
        _spares = changes ? 2 : 0;
        _world = new QuorumWorld(seed, new QuorumOptions
        {
            Tokens = 4,
            Read = _levels.Read,
            Write = _levels.Write,
            Places = hasRegions ? Enumerable.Range(1, nodes).ToDictionary(number => new ReplicaId(number), number => new ReplicaPlace(number % 2 == 0 ? "east" : "west", $"{number}")) : [],
            Resolution = profile == "latest" ? Resolution.LastWriteWins : Resolution.Siblings,
            MerkleDepth = 1 + (int)draw.Next(2),
            HintAfterMicros = (20 + draw.Next(100)) * Instant.Millisecond,
            HintReplayMicros = (50 + draw.Next(200)) * Instant.Millisecond,
            // In some worlds hints are lost for want of room.
            MaxHintBytes = draw.Chance(1, 4) ? 400 : 256L << 20,
            HintReplayBytes = (int)(100 + draw.Next(1_000)),
            MaxHintAgeMicros = _forgets ? Instant.Second : 3600 * Instant.Second,
            RepairMicros = (100 + draw.Next(900)) * Instant.Millisecond,
            RepairBytes = (int)(100 + draw.Next(1_000)),
            GraceMicros = _forgets ? 4 * Instant.Second : 7200 * Instant.Second,
            MaxSkewMicros = 500 * Instant.Millisecond,
            TickMicros = 5 * Instant.Millisecond,
            CheckpointEntries = 20 + draw.Next(200),
            SpeculatePercentile = draw.Chance(1, 2) ? 99 : 0,
            PaxosFinishMicros = (200 + draw.Next(1_000)) * Instant.Millisecond,
            PaxosKeepMicros = (1_500 + draw.Next(5_000)) * Instant.Millisecond,
            StreamBytes = (int)(100 + draw.Next(1_000)),
            StreamMicros = (1 + draw.Next(20)) * Instant.Millisecond,
            RingBeatMicros = (20 + draw.Next(100)) * Instant.Millisecond,
            RecountMicros = (1 + draw.Next(20)) * Instant.Second,
            GatherMicros = draw.Next(7) * Instant.Millisecond,
        }, nodes, _spares)
        {
            Drop = profile == "network" ? 50 : (int)draw.Next(20),
            Duplicate = (int)draw.Next(20),
            MaxLatency = (1 + draw.Next(profile == "network" ? 50 : 5)) * Instant.Millisecond,
        };
        _serial = new SerialClients(_world, Count);
        _sets = new SetClients(_world, Count);
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
        for (int client = 0; client < (_profile == "sets" ? 1 : 4); client++)
            Think(new Client(client));
        if (_profile is "serial" or "ring" or "everything")
            _serial.Begin(_profile == "serial" ? 4 : 2);
        if (_profile == "sets")
            _sets.Begin(4);
        if (_spares > 0)
        {
            foreach (QuorumNode node in _world.Nodes)
                node.Start();
            _world.After(Random.Next(300 * Instant.Millisecond), Reshape);
        }

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
        bool isWeak = _levels.Read != ConsistencyLevel.One && Random.Chance(1, 5);
        IReadOnlyList<ClientWrite> safe = _rules.SafeWrites(key);
        _world.Submit(AnyNode(), new QuorumRequest(QuorumOperation.Get, Encoding.UTF8.GetBytes(key), Level: isWeak ? ConsistencyLevel.One : _levels.Read), Patience(), outcome =>
        {
            if (outcome.Reply is { } reply)
            {
                Count(isWeak ? "weak reads" : "quorum reads");
                if (!isWeak && _levels.Read.Kind != ConsistencyKind.Quorum)
                    Count("reads at other levels");
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
        bool isDelete = Random.Chance(_forgets ? 1 : 0, 2) || Random.Chance(1, 6);
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

    private ConsistencyLevel Level() => Random.Next(10) switch { 0 => ConsistencyLevel.One, 1 => ConsistencyLevel.Any, 2 => ConsistencyLevel.All, _ => _levels.Write };

    private void Send(Client client, ClientWrite write, QuorumRequest request, int node, int attempts)
    {
        _world.Submit(node, request, Patience(), outcome =>
        {
            if (outcome.Reply is { } reply)
            {
                bool isSafe = request.Level == _levels.Write || request.Level == ConsistencyLevel.All;
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
        switch (Random.Next(11))
        {
            case 0 or 1:
                Crash(node, _forgets ? 10 * Instant.Second : Instant.Second);
                break;
            case 2 when _profile is "crashes" or "everything":
                foreach (QuorumNode each in _world.Nodes)
                    Crash(each, Instant.Second);
                break;
            case 3 or 4:
                Count("isolations");
                _world.Isolate(number);
                _world.After(Random.Next((_forgets ? 8 : 2) * Instant.Second), _world.HealNetwork);
                break;
            case 5:
                _world.Cut(new ReplicaId(number), new ReplicaId(AnyNode()));
                _world.After(Random.Next(2 * Instant.Second), _world.HealNetwork);
                break;
            case 6:
                Count("clocks set");
                node.WallSkew = Random.Next(Instant.Second) - Instant.Second / 2 + (Random.Chance(1, 4) ? (Random.Next(20) - 10) * Instant.Second : 0);
                break;
            // What one alone acknowledged goes with its disk.
            case 7 when _profile is "disks" or "everything" or "serial" or "ring" or "sets" or "latest" or "forgetting" || (_profile == "levels" && _levels.Write != ConsistencyLevel.One):
                LoseDisk(node);
                break;
            case 8:
                node.MaxSync = (1 + Random.Next(100)) * Instant.Millisecond;
                _world.After(Random.Next(Instant.Second), () => node.MaxSync = 2 * Instant.Millisecond);
                break;
            case 9:
                if (_spares > 0 && Random.Chance(1, 2))
                {
                    _world.IsControlAway = true;
                    _world.After(Random.Next(Instant.Second), () => _world.IsControlAway = false);
                }

                int other = AnyNode();
                bool up = Random.Chance(1, 2);
                if (node.IsUp && other != number)
                    node.Tell(new Input.PeerHint(new ReplicaId(other), up));
                break;
            case 10:
                if (node.IsUp && node.DamageMemory(Encoding.UTF8.GetBytes(_keys[Random.Next(_keys.Length)])))
                    Count("values damaged in memory");
                break;
        }

        _world.After(Random.Next(400 * Instant.Millisecond), Strike);
    }

    // Somebody wants other members, and asks anybody.
    private void Reshape()
    {
        if (_healing)
            return;
        int size = 3 + (int)Random.Next(_world.Nodes.Count - 2);
        ReplicaId[] members = [.. _world.Ids.OrderBy(_ => Random.NextUInt64()).Take(size)];
        if (Random.Chance(1, 4))
            members = [.. _world.Ring.Before.Nodes.Select(node => node.Id)];
        Count("changes of members asked for");
        _world.Submit(AnyNode(), RequestKind.ChangeMembers, new Membership(members).Encode(), Random.Next(3 * Instant.Second), outcome =>
        {
            Count(outcome.Reply is null ? "changes of members refused" : "changes of members done");
            _world.After(Random.Next(500 * Instant.Millisecond), Reshape);
        });
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
        _healing = _serial.IsOver = _sets.IsOver = true;
        _world.IsControlAway = false;
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
        Until("operations that were under way end", () => _busy == 0 && _serial.Busy == 0 && _sets.Busy == 0);
        Until("the ring stands", () => !_world.Ring.IsChanging && _world.Ring.Members.All(id => _world[id.Value].Replica?.Status.Term == _world.Epoch));
        Until("replicas are rebuilt", () => _world.Nodes.All(node => node.Replica is { IsRebuilding: false }));
        Until("hints drain", () => _world.Nodes.All(node => HintsOf(node) == 0));
        Until("trees are equal", () => _world.Nodes.All(one => _world.Nodes.All(other => one == other || one.Store.RootWith(other.Id) == other.Store.RootWith(one.Id))));
        // A value that was damaged in memory is found by a read, or when all is counted anew.
        Until("owners have the same bytes", () => _world.Nodes.All(node => node.IsUp) && _rules.HaveSameBytes(_keys));
        _rules.Ended(_keys);
        FinalReads();
        bool isRead = false;
        _serial.ReadAll(() => isRead = true);
        Until("the last Serial reads end", () => isRead);
        bool areSetsRead = false;
        _sets.ReadAll(() => areSetsRead = true);
        Until("the last reads of sets end", () => areSetsRead);
        _serial.Judge();
    }

    private void FinalReads()
    {
        int left = _keys.Length;
        foreach (string key in _keys)
        {
            IReadOnlyList<ClientWrite> safe = _rules.SafeWrites(key);
            ReplicaId owner = new KeyPlacement(_world.Ring).Of(Encoding.UTF8.GetBytes(key)).All[0];
            _world.Submit(owner.Value, new QuorumRequest(QuorumOperation.Get, Encoding.UTF8.GetBytes(key), Level: ConsistencyLevel.All), Instant.Second, outcome =>
            {
                if (outcome.Reply is null)
                    throw new QuorumRuleBrokenException("availability", $"a read of {key} fails although everything is healed: {outcome.Why!.Value.Detail}");
                _rules.Read(key, outcome.Reply, safe);
                left--;
            });
        }

        Until("the last reads end", () => left == 0);
    }

    private static StoreStanding StandingOf(QuorumNode node) => StoreStanding.Decode(node.Store.Query(new StoreQuery.Standing().ToBytes()));

    private static long HintsOf(QuorumNode node) => StandingOf(node).HintBytes;

    private void Until(string what, Func<bool> holds)
    {
        if (!_world.RunUntil(holds, 120 * Instant.Second))
            throw new QuorumRuleBrokenException("recovery", $"two minutes after everything has healed: not yet that {what}: {_world.Ring}; {string.Join("; ", _world.Nodes.Select(node => $"{node.Id}: {node.Replica?.Status.Ring}{(node.Replica is not { IsRebuilding: false } ? ", being rebuilt" : "")}"))}");
    }

    private void Count(string what) => _coverage[what] = _coverage.GetValueOrDefault(what) + 1;

    private SortedDictionary<string, long> Coverage()
    {
        foreach ((string what, long count) in (ReadOnlySpan<(string, long)>)
            [
                ("writes", _rules.Writes), ("reads judged", _rules.Reads), ("reads with siblings", _rules.Siblings), ("hints kept", _rules.HintsKept), ("hints delivered", _rules.HintsDelivered),
                ("purges", _rules.Purges), ("rebuilds", _rules.Rebuilds), ("comparisons", _rules.Synced), ("writes with two dots", _rules.Twins), ("views", _rules.Views), ("damaged leaves", _world.Nodes.Sum(node => StandingOf(node).Damaged)),
                ("damage found in memory", _world.Nodes.Sum(node => (long)node.DamageFound)), ("checkpoints", _world.Nodes.Sum(node => (long)node.Checkpoints)), ("messages", _world.Messages),
                ("skew refused", _world.Nodes.Sum(node => (long)node.Reports.Count(report => report.Contains("ahead of this replica's clock", StringComparison.Ordinal)))),
            ])
            _coverage[what] = count;
        return _coverage;
    }
}
