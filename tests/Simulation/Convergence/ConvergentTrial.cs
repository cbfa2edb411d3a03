using System.Text;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Convergence;

/// <summary>What a seed did and whether all rules held.</summary>
internal sealed record ConvergentResult(ulong Seed, string Profile, long Steps, ulong Hash, string? Rule, string? Detail, IReadOnlyDictionary<string, long> Coverage);

/// <summary>
/// One seed: clients change and read values at any replica while links, processes and disks fail and members change; then everything is healed and compared.
/// </summary>
internal sealed partial class ConvergentTrial
{
    public static readonly string[] Profiles = ["everything", "network", "crashes", "disks", "absences", "members", "leaving"];

    private static readonly SortedDictionary<string, long> NoCoverage = [];
    private static readonly CrdtKey First = new(CrdtType.Set, "first"), Second = new(CrdtType.Set, "second"), Counter = new(CrdtType.Counter, "counter"), Typed = new(CrdtType.Text, "text");
    private static readonly CrdtKey Scratch = new(CrdtType.Text, "scratch"), Stock = new(CrdtType.BoundedCounter, "stock");
    private static readonly CrdtKey Fields = new(CrdtType.Map, "fields"), Entries = new(CrdtType.RemoveWinsMap, "entries"), Items = new(CrdtType.List, "items"), Last = new(CrdtType.Register, "last");

    private readonly SortedDictionary<string, long> _coverage = [];
    private readonly ConvergentWorld _world;
    private readonly ConvergentRules _rules;
    private readonly string _profile;
    private bool _healing;
    private bool _isChanging;
    private int _busy;
    private int _lostDisk;
    private int _names;
    private int _letters = 0x4000;

    private ConvergentTrial(ulong seed, string profile)
    {
        _profile = profile;
        var draw = new DeterministicRandom(seed ^ 0x51C0);
        bool forgets = profile is "absences" || draw.Chance(1, 4);
        _world = new ConvergentWorld(seed, new ConvergentOptions
        {
            MerkleDepth = 1 + (int)draw.Next(2),
            BeatMicros = (20 + draw.Next(60)) * Instant.Millisecond,
            ResendMicros = (30 + draw.Next(100)) * Instant.Millisecond,
            RelayAfterMicros = (50 + draw.Next(200)) * Instant.Millisecond,
            PatienceMicros = (200 + draw.Next(400)) * Instant.Millisecond,
            CollectMicros = (20 + draw.Next(100)) * Instant.Millisecond,
            WindowBytes = (int)(200 + draw.Next(2_000)),
            MaxMessageBytes = (int)(100 + draw.Next(1_000)),
            HashedAtOnce = 1 + (int)draw.Next(20),
            MaxRetainedBytes = forgets ? 300 + draw.Next(1_500) : 1024 * 1024,
            MaxHeldUnits = 1 + (int)draw.Next(20),
            MaxHotValues = 1 + (int)draw.Next(3),
            CheckpointEntries = 10 + draw.Next(100),
        }, draw.Chance(1, 4) ? 5 : 3, spares: 2)
        {
            Drop = profile == "network" ? 50 : (int)draw.Next(20),
            Duplicate = (int)draw.Next(20),
            MaxLatency = (1 + draw.Next(profile == "network" ? 50 : 5)) * Instant.Millisecond,
        };
        _rules = new ConvergentRules(_world);
        _world.Rules = _rules;
    }

    public static ConvergentResult Run(ulong seed, string? profile, long steps)
    {
        string chosen = profile ?? Profiles[(int)new DeterministicRandom(seed ^ 0xD1CE).Next(Profiles.Length)];
        ConvergentTrial? trial = null;
        try
        {
            trial = new ConvergentTrial(seed, chosen);
            trial.Run(steps);
            return new ConvergentResult(seed, chosen, trial._world.Steps, trial._world.Hash, null, null, trial.Coverage());
        }
        catch (ConvergentRuleBrokenException broken)
        {
            return new ConvergentResult(seed, chosen, trial?._world.Steps ?? 0, trial?._world.Hash ?? 0, broken.Rule, broken.Message, NoCoverage);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            return new ConvergentResult(seed, chosen, trial?._world.Steps ?? 0, trial?._world.Hash ?? 0, failure.GetType().Name, failure.ToString(), NoCoverage);
        }
    }

    private DeterministicRandom Random => _world.Random;

    private void Run(long steps)
    {
        _world.Start();
        for (int client = 0; client < 4; client++)
            Think();
        _world.After(200 * Instant.Millisecond, Strike);
        while (_world.Steps < steps)
            _world.Step();
        Heal();
    }

    // ---- faults ----

    private void Strike()
    {
        if (_healing)
            return;
        ConvergentNode node = AnyMember();
        long absence = (_profile == "absences" ? 6 : 2) * Instant.Second;
        switch (Random.Next(9))
        {
            case 0 or 1:
                Crash(node, _profile == "absences" ? absence : Instant.Second);
                break;
            case 2 when _profile is "crashes" or "everything":
                foreach (ConvergentNode each in _world.Nodes)
                    Crash(each, Instant.Second);
                break;
            case 3 or 4:
                Count("isolations");
                _world.Isolate(node.Id.Value);
                _world.After(Random.Next(absence), _world.HealNetwork);
                break;
            case 5:
                _world.Cut(node.Id, AnyMember().Id);
                _world.After(Random.Next(2 * Instant.Second), _world.HealNetwork);
                break;
            case 6 when _profile is "disks" or "everything":
                LoseDisk(node);
                break;
            case 7:
                node.MaxSync = (1 + Random.Next(100)) * Instant.Millisecond;
                _world.After(Random.Next(Instant.Second), () => node.MaxSync = 2 * Instant.Millisecond);
                break;
            case 8 when _profile == "members":
                ChangeMembers();
                break;
            case 8 when _profile == "leaving":
                AskForMembers();
                break;
        }

        _world.After(Random.Next(400 * Instant.Millisecond), Strike);
    }

    private void Crash(ConvergentNode node, long downtime)
    {
        if (!node.IsUp)
            return;
        Count("crashes");
        node.Crash();
        _world.After(1 + Random.Next(downtime), node.Start);
    }

    private bool IsWhole => _world.MemberNodes.All(node => node.IsUp && !node.Replica!.IsRebuilding);

    // A majority keeps what it has: one disk at a time, and the next when that one is rebuilt.
    private void LoseDisk(ConvergentNode node)
    {
        if (!IsWhole)
            return;
        Count("disks lost");
        _lostDisk = node.Id.Value;
        if (Random.Chance(1, 2))
            node.LoseDisk();
        else
            node.Damage();
        _world.After(1 + Random.Next(Instant.Second), node.Start);
    }

    // One member for another, when the last one that came is whole.
    private void ChangeMembers()
    {
        if (!IsWhole || _world.MemberNodes.Any(node => node.Replica!.Status.Members is { } known && !known.Equals(_world.Members)))
            return;
        Count("member changes");
        ReplicaId[] spare = [.. _world.Nodes.Select(node => node.Id).Except(_world.Members.Voters)];
        ReplicaId leaving = AnyMember().Id;
        bool isReplaced = Random.Chance(1, 2);
        ReplicaId coming = spare.Length > 0 ? spare[(int)Random.Next(spare.Length)] : default;
        if (!coming.IsNone && (isReplaced || _world.Members.Voters.Count <= 3))
            _world.Install(new Membership(_world.Members.Voters.Append(coming)));
        else
            _world.Install(new Membership(_world.Members.Voters.Where(id => id != leaving)));
    }

    // As an operator does: who leaves is a learner first, and nothing that it alone had acknowledged is lost.
    private void AskForMembers()
    {
        if (_isChanging || !IsWhole)
            return;
        Count("member requests");
        ReplicaId leaving = AnyMember().Id;
        ReplicaId[] spare = [.. _world.Nodes.Select(node => node.Id).Except(_world.Members.Members)];
        bool grows = _world.Members.Voters.Count <= 3 || Random.Chance(1, 3);
        IEnumerable<ReplicaId> voters = _world.Members.Voters.Where(id => id != leaving || (grows && Random.Chance(1, 3)));
        if (grows && spare.Length > 0)
            voters = voters.Append(spare[(int)Random.Next(spare.Length)]);
        var target = new Membership([.. voters]);
        if (target.Voters.Count < 2)
            return;
        _isChanging = true;
        _world.Submit(AnyMember().Id.Value, RequestKind.ChangeMembers, target.Encode(), 60 * Instant.Second, outcome =>
        {
            _isChanging = false;
            Count(outcome.Reply is null ? "member requests refused" : "members left or came");
        });
    }

    private ConvergentNode AnyMember()
    {
        IReadOnlyList<ReplicaId> members = _world.Members.Voters;
        return _world[members[(int)Random.Next(members.Count)].Value];
    }

    // ---- the end ----

    private void Heal()
    {
        _healing = true;
        _world.HealNetwork();
        (_world.Drop, _world.Duplicate, _world.MaxLatency) = (0, 0, Instant.Millisecond);
        Raise();
        // One whose replica has died is given up later than it would have ended.
        if (!_world.RunUntil(() => !_isChanging, 90 * Instant.Second))
            throw new ConvergentRuleBrokenException("recovery", "a change of members does not end");
        Raise();
        Until("operations that were under way end", () => _busy == 0);
        Until("replicas are rebuilt", () => IsWhole);
        ConvergentNode[] members = [.. _world.MemberNodes];
        Until("all have the same updates", () => members.All(node => node.Store.Vector.Equals(members[0].Store.Vector)));
        Until("everything is collected", () => members.All(node => node.Store.RetainedBytes == 0 && !StandingOf(node).HasTags));
        if (!_world.RunUntil(() => members.All(node => node.Store.Root() == members[0].Store.Root()), 10 * Instant.Second))
            throw new ConvergentRuleBrokenException("equality", $"all have the same updates and not the same values: {Difference(members)}");
        foreach (ConvergentNode node in members)
            Judge(node);
    }

    private void Raise()
    {
        foreach (ConvergentNode node in _world.Nodes.Where(node => _world.Members.Members.Contains(node.Id)))
        {
            node.MaxSync = 2 * Instant.Millisecond;
            node.Start();
            node.TellView();
        }
    }

    private void Judge(ConvergentNode node)
    {
        var read = new CrdtRead([.. new[] { First, Second, Counter, Typed, Stock }.Select(key => new CrdtQuery.Whole(key))]);
        IReadOnlyList<CrdtView> views = CrdtAnswer.Decode(node.Store.Query(read.ToBytes()).Span).Views;
        HashSet<string> first = Names(views[0]), second = Names(views[1]);
        _rules.Pair($"{node.Id}, at the end,", first, second);
        _rules.MustHold($"{node.Id}, at the end,", first, _rules.Certain());
        _rules.Ended(((CrdtData.Number)views[2].Data).Value, ((CrdtData.Text)views[3].Data).Value, node.Store.StateOf(Stock) is { } stock ? CrdtCodec.Decode<BoundedCounter>(stock) : new BoundedCounter());
        foreach (CrdtKey key in new[] { Typed, Scratch, Items })
        {
            if (node.Store.StateOf(key) is { } state && KeptOf(key, state) is var (kept, visible) && kept != visible)
                throw new ConvergentRuleBrokenException("tombstones", $"{node.Id} keeps {kept} elements of {key}, which has {visible}");
        }

        if (StandingOf(node).Unreadable > 0)
            throw new ConvergentRuleBrokenException("readable", $"{node.Id} has left out {StandingOf(node).Unreadable} parts of updates");
    }

    private static (long Kept, long Visible) KeptOf(in CrdtKey key, byte[] state)
    {
        if (key.Type == CrdtType.List)
            return CrdtCodec.Decode<CausalList>(state) is var list ? (list.Kept, list.Length) : default;
        Text text = CrdtCodec.Decode<Text>(state);
        return (text.Kept, text.Length);
    }

    private static string Difference(ConvergentNode[] members)
    {
        foreach (CrdtKey key in new[] { First, Second, Counter, Typed, Scratch, Stock, Fields, Entries, Items, Last })
        {
            foreach (ConvergentNode node in members)
            {
                byte[]? one = members[0].Store.StateOf(key), other = node.Store.StateOf(key);
                if (!(one ?? []).AsSpan().SequenceEqual(other))
                    return $"{key} is {Convert.ToHexStringLower(one ?? [])} at {members[0].Id} and {Convert.ToHexStringLower(other ?? [])} at {node.Id}";
            }
        }

        return "no key that clients know";
    }

    private static StoreStanding StandingOf(ConvergentNode node) => StoreStanding.Decode(node.Store.Query(new StoreQuery.Standing(1, 0).ToBytes()));

    private static HashSet<string> Names(CrdtView view) => [.. ((CrdtData.Elements)view.Data).List.Select(element => Encoding.UTF8.GetString(element.Span))];

    private void Until(string what, Func<bool> holds)
    {
        if (!_world.RunUntil(holds, 60 * Instant.Second))
            throw new ConvergentRuleBrokenException("recovery", $"a minute after everything has healed: not yet that {what}");
    }

    private void Count(string what) => _coverage[what] = _coverage.GetValueOrDefault(what) + 1;

    private SortedDictionary<string, long> Coverage()
    {
        foreach ((string what, long count) in (ReadOnlySpan<(string, long)>)
            [
                ("units", _rules.Units), ("reads of pairs", _rules.Reads), ("joins", _rules.Joins), ("stable", _rules.Stables), ("rebuilds", _rules.Rebuilds), ("rebuilt", _rules.Rebuilt),
                ("checkpoints", _world.Nodes.Sum(node => (long)node.Checkpoints)), ("messages", _world.Messages),
            ])
            _coverage[what] = count;
        return _coverage;
    }
}
