using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Simulation.Quorum;

/// <summary>A rule of quorum groups did not hold.</summary>
internal sealed class QuorumRuleBrokenException(string rule, string what) : Exception($"{rule}: {what}")
{
    public string Rule { get; } = rule;
}

/// <summary>One write of a client, however often it was sent, and what became of it.</summary>
internal sealed class ClientWrite(Guid id, string key, string value, bool isDelete, VersionVector context)
{
    // By the record that gave each.
    private readonly SortedDictionary<Dot, Number> _numbers = [];

    public Guid Id => id;
    public string Key => key;

    /// <summary>Unlike that of any other write; empty for a deletion.</summary>
    public string Value => value;
    public bool IsDelete => isDelete;

    /// <summary>What the client had read before.</summary>
    public VersionVector Context => context;

    /// <summary>The numbers coordinators gave it: one, or one for each coordinator that did not know of the others.</summary>
    public IReadOnlyCollection<Dot> Dots => _numbers.Keys;

    /// <summary>When its coordinators took it: the earliest and the latest.</summary>
    public (HybridTime First, HybridTime Last)? Times => _numbers.Count == 0 ? null : (_numbers.Values.Min(number => number.Time), _numbers.Values.Max(number => number.Time));

    /// <summary>Acknowledged by so many owners that every read asks one of them.</summary>
    public bool IsSafe { get; set; }

    /// <summary>What its coordinators knew, and it so replaced where the last write wins.</summary>
    public VersionVector Known => _numbers.Values.Aggregate(VersionVector.Empty, (known, number) => known.Merge(number.Known));

    /// <summary>It has this number. False: and had it already.</summary>
    /// <param name="dot">The number.</param>
    /// <param name="by">The record that gives it, if no earlier one did.</param>
    /// <param name="time">When its coordinator took it.</param>
    /// <param name="known">What that one knew.</param>
    public bool Give(in Dot dot, WalEntry by, HybridTime time, VersionVector known) => _numbers.TryAdd(dot, new Number(by, time, known));

    /// <summary>This record is lost: what it gave was never given. A number that came back to its coordinator, which had lost its disk, is of an earlier record.</summary>
    public void TakeBack(in Dot dot, WalEntry lost)
    {
        if (_numbers.TryGetValue(dot, out Number? number) && ReferenceEquals(number.By, lost))
            _numbers.Remove(dot);
    }

    public override string ToString() => $"{(isDelete ? "a deletion" : $"'{value}'")} ({string.Join(' ', Dots)}, after {context})";

    /// <summary>
    /// It was sent to two coordinators, and there are more writes of its key than ids are remembered; which of them go first, clocks decide. What it had under
    /// its second number may stand beside what replaced it under its first. The documents say so.
    /// </summary>
    public bool MayComeTwice { get; set; }

    public bool IsReplacedBy(ClientWrite other) => other != this && other.Key == key && Dots.Any(dot => other.Context.Covers(dot));

    private sealed record Number(WalEntry By, HybridTime Time, VersionVector Known);
}

/// <summary>What must hold of a group whose clients keep each value unlike all others, and which keeps siblings.</summary>
internal sealed class QuorumRules(QuorumWorld world)
{
    private readonly Dictionary<Guid, ClientWrite> _writes = [];
    private readonly Dictionary<string, List<ClientWrite>> _byKey = [];

    public long Writes => _writes.Count;
    public long Reads { get; private set; }
    public long Siblings { get; private set; }
    public long HintsKept { get; private set; }
    public long HintsDelivered { get; private set; }
    public long Purges { get; private set; }
    public long Rebuilds { get; private set; }
    public long Synced { get; private set; }
    public long Views { get; private set; }

    public void Installed(RingView before, RingView after)
    {
        Views++;
        bool isNext = (before.Phase, after.Phase) is (RingPhase.Stable, RingPhase.Copying) or (RingPhase.Copying, RingPhase.Switched or RingPhase.Stable) or (RingPhase.Switched, RingPhase.Stable);
        if (!isNext)
            throw new QuorumRuleBrokenException("ring", $"{after} follows {before}");
    }

    public long Twins => _writes.Values.Count(write => write.Dots.Count > 1);

    public void Begins(ClientWrite write)
    {
        _writes[write.Id] = write;
        if (!_byKey.TryGetValue(write.Key, out List<ClientWrite>? list))
            _byKey[write.Key] = list = [];
        list.Add(write);
        if (list.Count > KeyVersions.MaxRecent)
            list.ForEach(Forget);
    }

    private static void Forget(ClientWrite write) => write.MayComeTwice |= write.Dots.Count > 1;

    /// <summary>Those a read that begins now must not miss.</summary>
    public IReadOnlyList<ClientWrite> SafeWrites(string key) => _byKey.TryGetValue(key, out List<ClientWrite>? list) ? [.. list.Where(write => write.IsSafe)] : [];

    /// <summary>A replica writes something down.</summary>
    public void Writing(QuorumNode node, WalEntry entry)
    {
        foreach (EntryBatch batch in entry.Record.Entries)
        {
            foreach (ReadOnlyMemory<byte> payload in batch)
                Writing(node, entry, StoreUpdate.Decode(payload));
        }
    }

    /// <summary>A crash takes back what had not reached the disk, numbers too: nobody has heard of them, and the write is another one when it is sent again.</summary>
    public void TakenBack(WalEntry entry)
    {
        foreach (EntryBatch batch in entry.Record.Entries)
        {
            foreach (ReadOnlyMemory<byte> payload in batch)
            {
                if (StoreUpdate.Decode(payload) is StoreUpdate.Merge merge)
                    TakenBack(entry, merge.Versions);
            }
        }
    }

    private void TakenBack(WalEntry entry, KeyVersions versions)
    {
        foreach (Sibling<StoredValue> sibling in versions.Set.Siblings)
        {
            if (_writes.TryGetValue(sibling.Value.Id, out ClientWrite? write))
                write.TakeBack(sibling.Dot, entry);
        }
    }

    private void Writing(QuorumNode node, WalEntry entry, StoreUpdate update)
    {
        switch (update)
        {
            case StoreUpdate.Merge merge:
                Dotted(node, entry, merge.Key, merge.Versions);
                break;
            case StoreUpdate.KeepHint hint:
                Invariant.That(hint.Owner != node.Id, "nobody keeps a hint for itself");
                HintsKept++;
                break;
            case StoreUpdate.DropHint gone:
                Dropping(node, gone);
                break;
            case StoreUpdate.Purge:
                Purges++;
                break;
            case StoreUpdate.Rebuild:
                Rebuilds++;
                break;
            case StoreUpdate.Synced:
                Synced++;
                break;
        }
    }

    private void Dotted(QuorumNode node, WalEntry entry, ReadOnlyMemory<byte> key, KeyVersions versions)
    {
        KeyVersions before = node.Store.VersionsOf(key);
        foreach (Sibling<StoredValue> sibling in versions.Set.Siblings)
        {
            if (!_writes.TryGetValue(sibling.Value.Id, out ClientWrite? write))
                continue;
            bool isNew = write.Give(sibling.Dot, entry, sibling.Value.Time, versions.Set.Clock);
            if (isNew && sibling.Dot.Source.Replica != node.Id)
                throw new QuorumRuleBrokenException("numbers", $"{node.Id} has {sibling.Dot} for {write}, which its coordinator has never written down, or has lost");
            if (_byKey[write.Key].Count > KeyVersions.MaxRecent)
                Forget(write);
            if (isNew && before.Latest >= sibling.Value.Time)
                throw new QuorumRuleBrokenException("hybrid time", $"{node.Id} gives {sibling.Value.Time} to a write of a key it knows a value at {before.Latest} of");
        }
    }

    // Its owner has it, or it is too old.
    private void Dropping(QuorumNode node, StoreUpdate.DropHint gone)
    {
        QuorumNode owner = world[gone.Owner.Value];
        bool has = !owner.IsUp || owner.Store.VersionsOf(gone.Key).Set.Clock.Descends(gone.Clock);
        // A clock that is set back makes a hint as old as it likes.
        bool isOld = world.Options.MaxHintAgeMicros <= 20 * Instant.Second;
        HintsDelivered++;
        // It may have had it, and given it up with its place on the ring.
        bool mayHaveMoved = Views > 0;
        if (!has && !mayHaveMoved && !isOld && !owner.Replica!.IsRebuilding)
            throw new QuorumRuleBrokenException("hints", $"{node.Id} drops a hint for {gone.Owner} that does not have it");
    }

    /// <summary>A read by a majority has come back.</summary>
    public void Read(string key, QuorumReply reply, IReadOnlyList<ClientWrite> mustKnow)
    {
        Reads++;
        string[] values = [.. reply.Values.Select(value => Encoding.UTF8.GetString(value.Span))];
        Siblings += values.Length > 1 ? 1 : 0;
        List<ClientWrite> all = _byKey.GetValueOrDefault(key) ?? [];
        ClientWrite[] found = [.. values.Select(value => all.Find(write => write.Value == value) ?? throw new QuorumRuleBrokenException("values", $"'{value}' of {key} was never written"))];
        VersionVector clock = ContextToken.Decode(reply.Context, Encoding.UTF8.GetBytes(key));
        // A purge forgets all of a key.
        if (Purges == 0 && mustKnow.FirstOrDefault(safe => !safe.Dots.Any(dot => clock.Covers(dot))) is { } unknown)
            throw new QuorumRuleBrokenException("lost write", $"{unknown} of {key} was acknowledged, and a read knows nothing of it: {clock}");
        if (IsLatestKept)
        {
            ReadLatest(key, found, all, mustKnow);
            return;
        }

        foreach (ClientWrite safe in mustKnow)
        {
            if (!safe.IsDelete && !found.Contains(safe) && !all.Exists(other => safe.IsReplacedBy(other)))
                throw new QuorumRuleBrokenException("lost write", $"{safe} of {key} was acknowledged, replaced by nothing, and is not read: {string.Join(", ", found.Select(value => value.ToString()))} {ContextToken.Decode(reply.Context, Encoding.UTF8.GetBytes(key))}");
            if (found.FirstOrDefault(value => !value.MayComeTwice && value.IsReplacedBy(safe)) is { } back)
                throw new QuorumRuleBrokenException("came back", $"{back} of {key} is read although {safe} was acknowledged");
        }

        if (found.FirstOrDefault(value => !value.MayComeTwice && found.Any(value.IsReplacedBy)) is { } stale)
            throw new QuorumRuleBrokenException("siblings", $"{stale} of {key} is read beside {found.First(stale.IsReplacedBy)}");
        if (found.Where(value => !value.MayComeTwice).GroupBy(value => value).Any(same => same.Count() > 1))
            throw new QuorumRuleBrokenException("siblings", $"one write of {key} is read twice: {string.Join(", ", values)}");
    }

    private bool IsLatestKept => world.Options.Resolution == Resolution.LastWriteWins;

    // What is returned was written no earlier than all that a majority had, or than what had seen and replaced it: no clock brings an older value back.
    private static void ReadLatest(string key, ClientWrite[] found, List<ClientWrite> all, IReadOnlyList<ClientWrite> mustKnow)
    {
        if (found.Length > 1)
            throw new QuorumRuleBrokenException("last write wins", $"{found.Length} values of {key} are read");
        foreach (ClientWrite safe in mustKnow)
        {
            if (!IsPassed(safe, []))
                throw new QuorumRuleBrokenException("last write wins", $"{safe} of {key} at {safe.Times} was acknowledged, and {(found.Length == 1 ? $"{found[0]} at {found[0].Times}" : "nothing")} is read");
        }

        bool IsPassed(ClientWrite write, HashSet<ClientWrite> seen)
        {
            if (write.Times is not { } times || !seen.Add(write))
                return false;
            bool isLater = found.Length == 1 ? found[0].Times!.Value.Last >= times.First : write.IsDelete || all.Exists(other => other.IsDelete && other.Times is { } later && later.Last >= times.First);
            return isLater || all.Exists(other => other != write && write.Dots.Any(dot => other.Known.Covers(dot)) && IsPassed(other, seen));
        }
    }

    public bool HaveSameBytes(IEnumerable<string> keys) => keys.All(key => HeldByOwners(key) is var held && held.All(versions => versions.ToBytes().AsSpan().SequenceEqual(held[0].ToBytes())));

    private KeyVersions[] HeldByOwners(string key)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(key);
        return [.. new KeyPlacement(world.Ring).Of(bytes).All.Select(owner => world[owner.Value].Store.VersionsOf(bytes))];
    }

    /// <summary>All is healed and repaired.</summary>
    public void Ended(IEnumerable<string> keys)
    {
        foreach (string key in keys)
        {
            KeyVersions[] held = HeldByOwners(key);
            if (held.Any(versions => !versions.IsSame(held[0])))
                throw new QuorumRuleBrokenException("convergence", $"owners of {key} differ: {string.Join(" | ", held.Select(versions => versions.ToString()))}");
            if (IsLatestKept)
                continue;
            foreach (ClientWrite write in _byKey.GetValueOrDefault(key) ?? [])
                CheckKept(write, held[0]);
        }
    }

    // Siblings are exactly the writes that reached the owners and that none of them had seen.
    private void CheckKept(ClientWrite write, KeyVersions versions)
    {
        bool isKnown = write.Dots.Any(dot => versions.Set.Clock.Covers(dot));
        bool isThere = versions.Set.Siblings.Any(sibling => sibling.Value.Id == write.Id);
        bool isReplaced = _byKey[write.Key].Exists(other => write.IsReplacedBy(other) && other.Dots.Any(dot => versions.Set.Clock.Covers(dot)));
        // A purge forgets all of a key.
        if (write.IsSafe && !versions.IsEmpty && !isKnown && Purges == 0)
            throw new QuorumRuleBrokenException("lost write", $"'{write.Value}' of {write.Key} was acknowledged, and no owner knows of it");
        if (isThere && isReplaced && !write.MayComeTwice)
            throw new QuorumRuleBrokenException("siblings", $"{write} of {write.Key} stays beside {_byKey[write.Key].Find(write.IsReplacedBy)}: {versions}");
        if (write.IsSafe && !isThere && !isReplaced && !versions.IsEmpty && Purges == 0)
            throw new QuorumRuleBrokenException("lost write", $"'{write.Value}' of {write.Key} was acknowledged and is gone, though nothing replaced it");
    }
}
