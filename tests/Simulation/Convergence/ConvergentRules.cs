using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Simulation.Convergence;

/// <summary>A rule of CRDT groups did not hold.</summary>
internal sealed class ConvergentRuleBrokenException(string rule, string what) : Exception($"{rule}: {what}")
{
    public string Rule { get; } = rule;
}

/// <summary>An element that one client added once, to two sets in one update, and perhaps removed again.</summary>
internal sealed class ClientElement(string name)
{
    public string Name => name;

    /// <summary>Acknowledged by as many that no single disk can lose it.</summary>
    public bool IsAdded { get; set; }

    /// <summary>Acknowledged by a majority: whoever asks one finds it.</summary>
    public bool IsCommon { get; set; }

    /// <summary>Somebody has asked to remove it: it may be there or not from now on.</summary>
    public bool MayBeRemoved { get; set; }

    /// <summary>It was seen, removed, and the removal acknowledged as above: nobody adds it again.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>By a majority.</summary>
    public bool IsRemovedCommonly { get; set; }
}

/// <summary>What must hold of a group.</summary>
internal sealed class ConvergentRules(ConvergentWorld world)
{
    private readonly Dictionary<Dot, byte[]> _units = [];
    private readonly Dictionary<string, ClientElement> _elements = [];

    public long Units => _units.Count;
    public long Joins { get; private set; }
    public long Stables { get; private set; }
    public long Rebuilds { get; private set; }
    public long Rebuilt { get; private set; }
    public long Reads { get; private set; }

    /// <summary>The counter: what is there for certain, and what may be there besides.</summary>
    public long Counted { get; set; }
    public long MayBeCounted { get; set; }

    /// <summary>Letters of the text, each unlike all others: certain ones, and all.</summary>
    public HashSet<char> Letters { get; } = [];
    public HashSet<char> AllLetters { get; } = [];

    /// <summary>Of the bounded counter: what was added and taken for certain, and what at most.</summary>
    public long Stocked { get; set; }
    public long MostStocked { get; set; }
    public long Taken { get; set; }
    public long MostTaken { get; set; }

    public ClientElement Adds(string name) => _elements[name] = new ClientElement(name);

    public ClientElement? Find(string name) => _elements.GetValueOrDefault(name);

    public IReadOnlyList<ClientElement> All => [.. _elements.Values];

    /// <summary>Those a read of a majority that begins now must find, and must not.</summary>
    public (IReadOnlyList<ClientElement> There, IReadOnlyList<ClientElement> Gone) Common() =>
        ([.. _elements.Values.Where(element => element is { IsCommon: true, MayBeRemoved: false })], [.. _elements.Values.Where(element => element.IsRemovedCommonly)]);

    /// <summary>Those that must be there in the end, and must not.</summary>
    public (IReadOnlyList<ClientElement> There, IReadOnlyList<ClientElement> Gone) Certain() =>
        ([.. _elements.Values.Where(element => element is { IsAdded: true, MayBeRemoved: false })], [.. _elements.Values.Where(element => element.IsRemoved)]);

    /// <summary>A replica writes something down.</summary>
    public void Writing(ConvergentNode node, WalEntry entry)
    {
        foreach (EntryBatch batch in entry.Record.Entries)
        {
            foreach (ReadOnlyMemory<byte> payload in batch)
                Writing(node, StoreUpdate.Decode(payload));
        }
    }

    private void Writing(ConvergentNode node, StoreUpdate update)
    {
        switch (update)
        {
            case StoreUpdate.Remote remote:
                Same(node, remote);
                break;
            case StoreUpdate.Join:
                Joins++;
                break;
            case StoreUpdate.Stable stable:
                Stables++;
                HasAll(node, stable.Vector);
                break;
            case StoreUpdate.Begin { Anew: true }:
                Rebuilds++;
                break;
            case StoreUpdate.Rebuilt:
                Rebuilt++;
                break;
        }
    }

    // One number, one update, whoever brings it.
    private void Same(ConvergentNode node, StoreUpdate.Remote remote)
    {
        var dot = new Dot(remote.Source, UpdateUnit.Decode(remote.Unit.Span).Number);
        if (_units.TryGetValue(dot, out byte[]? before) && !before.AsSpan().SequenceEqual(remote.Unit.Span))
            throw new ConvergentRuleBrokenException("numbers", $"{node.Id} takes {dot}, which was another update elsewhere: a source gave one number twice");
        _units[dot] = remote.Unit.ToArray();
    }

    // What is let go of here, every member has; of one that lost its disk it is enough that it asks for all before it serves.
    private void HasAll(ConvergentNode node, VersionVector stable)
    {
        foreach (ConvergentNode other in world.MemberNodes.Where(other => other != node && other.Replica is { IsRebuilding: false }))
        {
            if (!other.Store.Vector.Descends(stable))
                throw new ConvergentRuleBrokenException("stability", $"{node.Id} takes {stable} for stable; {other.Id} has {other.Store.Vector}");
        }
    }

    /// <summary>A read of the two sets that every update changes together.</summary>
    public void Pair(string who, IReadOnlySet<string> one, IReadOnlySet<string> other)
    {
        Reads++;
        if (one.SetEquals(other))
            return;
        string odd = one.Except(other).Concat(other.Except(one)).First();
        throw new ConvergentRuleBrokenException("atomic updates", $"{who} finds {odd} in one of two sets that it was added to, or removed from, together");
    }

    public void MustHold(string who, IReadOnlySet<string> found, (IReadOnlyList<ClientElement> There, IReadOnlyList<ClientElement> Gone) certain)
    {
        // One that somebody began to remove meanwhile may be missing.
        if (certain.There.FirstOrDefault(element => !element.MayBeRemoved && !found.Contains(element.Name)) is { } lost)
            throw new ConvergentRuleBrokenException("no lost add", $"{who} does not find {lost.Name}, which was added for certain before and never removed");
        if (certain.Gone.FirstOrDefault(element => found.Contains(element.Name)) is { } back)
            throw new ConvergentRuleBrokenException("no resurrected remove", $"{who} finds {back.Name}, which was seen and removed for certain before");
    }

    public void Ended(long counter, string text, BoundedCounter stock)
    {
        if (counter < Counted || counter > Counted + MayBeCounted)
            throw new ConvergentRuleBrokenException("counting", $"the counter is {counter}; {Counted} are certain and {MayBeCounted} more may be");
        if (text.Distinct().Count() != text.Length)
            throw new ConvergentRuleBrokenException("text", "a letter that was typed once is there twice");
        if (Letters.FirstOrDefault(letter => !text.Contains(letter)) is not '\0' and var lost)
            throw new ConvergentRuleBrokenException("text", $"letter {(int)lost:x} was typed for certain and is not there");
        if (text.FirstOrDefault(letter => !AllLetters.Contains(letter)) is not '\0' and var strange)
            throw new ConvergentRuleBrokenException("text", $"letter {(int)strange:x} was never typed");
        if (stock.Balance < 0 || stock.Holders.FirstOrDefault(holder => stock.Rights(holder) < 0) != default)
            throw new ConvergentRuleBrokenException("bounded counter", $"{stock.Balance} are left, and of rights {string.Join(", ", stock.Holders.Select(holder => $"{holder} has {stock.Rights(holder)}"))}");
        if (stock.Balance > MostStocked - Taken || stock.Balance < Stocked - MostTaken)
            throw new ConvergentRuleBrokenException("bounded counter", $"{stock.Balance} are left of {Stocked} to {MostStocked} that were added, with {Taken} to {MostTaken} taken");
    }
}
