using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>One member of a view, and what part it has there.</summary>
/// <param name="Id">Who it is.</param>
/// <param name="ReadOnly">It follows and serves reads, and never becomes a link.</param>
/// <param name="Slow">How often in a row it was removed because it was slow.</param>
/// <param name="Pardon">The loss that this view has taken into account (it has told of a random number that it drew when something on its disk was gone); 0: none.</param>
public readonly record struct ChainMember(ReplicaId Id, bool ReadOnly = false, byte Slow = 0, long Pardon = 0)
{
    internal const int Size = sizeof(int) + 1 + 1 + sizeof(long);
}

/// <summary>
/// Who is in the chain in one epoch, in order, and who follows without being a link. An epoch has one view only.
/// <para>Layout: version (1), epoch (8), how many are links (4), then a count (4) and per member, links first and in order, its number (4),
/// flags (1: bit 0 read-only), how often it was slow (1), pardon (8).</para>
/// </summary>
public sealed class ChainView
{
    private const byte Version = 1;

    /// <summary>What one that joins knows before anybody tells it.</summary>
    public static readonly ChainView Unknown = new(-1, 0, []);

    private ChainView(long epoch, int links, ChainMember[] members)
    {
        Epoch = epoch;
        Members = members;
        Links = [.. members.Take(links).Select(member => member.Id)];
    }

    /// <param name="epoch">From 0.</param>
    /// <param name="links">From head to tail.</param>
    /// <param name="members">All, the links among them, in any order.</param>
    /// <exception cref="ArgumentException">The parts do not fit each other.</exception>
    public static ChainView Create(long epoch, IReadOnlyList<ReplicaId> links, IReadOnlyCollection<ChainMember> members)
    {
        if (epoch < 0)
            throw new ArgumentException($"a view has epoch {epoch}; the first is 0");
        if (members.Count is 0 or > Membership.MaxMembers)
            throw new ArgumentException($"a view has {members.Count} members; it has 1 to {Membership.MaxMembers}");
        if (members.Any(member => member.Id.Value < 1 || member.Pardon < 0) || members.DistinctBy(member => member.Id).Count() != members.Count)
            throw new ArgumentException($"members of a view are numbered from 1 and named once: {string.Join(",", members.Select(member => member.Id))}");
        if (links.Count == 0 || links.Distinct().Count() != links.Count)
            throw new ArgumentException($"a chain has at least one link, and each once: {string.Join(",", links)}");
        Dictionary<ReplicaId, ChainMember> byId = members.ToDictionary(member => member.Id);
        foreach (ReplicaId link in links)
        {
            if (!byId.TryGetValue(link, out ChainMember member) || member.ReadOnly)
                throw new ArgumentException($"the link {link} is no member of the view, or a read-only one");
        }

        return new ChainView(epoch, links.Count, [.. links.Select(link => byId[link]), .. members.Where(member => !links.Contains(member.Id)).OrderBy(member => member.Id)]);
    }

    public long Epoch { get; }

    /// <summary>From head to tail.</summary>
    public ReplicaId[] Links { get; }

    /// <summary>The links in order, then the others in ascending order.</summary>
    public ChainMember[] Members { get; }

    public bool IsKnown => Epoch >= 0;
    public ReplicaId Head => IsKnown ? Links[0] : ReplicaId.None;
    public ReplicaId Tail => IsKnown ? Links[^1] : ReplicaId.None;

    /// <summary>Those who follow and are not links.</summary>
    public IEnumerable<ChainMember> Followers => Members.Skip(Links.Length);

    public bool IsLink(ReplicaId id) => Array.IndexOf(Links, id) >= 0;

    public bool IsMember(ReplicaId id) => Find(id) is not null;

    /// <summary>The link before this one; none before the head, and for who is no link.</summary>
    public ReplicaId PredecessorOf(ReplicaId id) => Array.IndexOf(Links, id) is > 0 and var place ? Links[place - 1] : ReplicaId.None;

    public ReplicaId SuccessorOf(ReplicaId id) => Array.IndexOf(Links, id) is >= 0 and var place && place + 1 < Links.Length ? Links[place + 1] : ReplicaId.None;

    public ChainMember? Find(ReplicaId id)
    {
        foreach (ChainMember member in Members)
        {
            if (member.Id == id)
                return member;
        }

        return null;
    }

    /// <summary>Those who are to hold the shard: voters may be links, learners are read-only.</summary>
    public Membership? Membership => IsKnown
        ? new Membership(Members.Where(member => !member.ReadOnly).Select(member => member.Id), Members.Where(member => member.ReadOnly).Select(member => member.Id))
        : null;

    public byte[] Encode()
    {
        byte[] bytes = new byte[EncodedSize];
        var writer = new ByteWriter(bytes);
        Encode(ref writer);
        return bytes;
    }

    internal int EncodedSize => 1 + sizeof(long) + 2 * sizeof(int) + Members.Length * ChainMember.Size;

    internal void Encode(ref ByteWriter writer)
    {
        writer.Byte(Version);
        writer.Int64(Epoch);
        writer.Int32(Links.Length);
        writer.Int32(Members.Length);
        foreach (ChainMember member in Members)
        {
            writer.Int32(member.Id.Value);
            writer.Byte(member.ReadOnly ? (byte)1 : (byte)0);
            writer.Byte(member.Slow);
            writer.Int64(member.Pardon);
        }
    }

    /// <exception cref="InvalidDataException">The bytes are no view of a chain.</exception>
    public static ChainView Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        ChainView view = Decode(ref reader);
        reader.End();
        return view;
    }

    internal static ChainView Decode(ref ByteReader reader)
    {
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a chain's view has version {version}; this build reads {Version}");
        long epoch = reader.Int64();
        int links = reader.Int32();
        var members = new ChainMember[reader.Count(ChainMember.Size)];
        for (int i = 0; i < members.Length; i++)
            members[i] = new ChainMember(new ReplicaId(reader.Int32()), reader.Bool(), reader.Byte(), reader.Int64());
        if (epoch == Unknown.Epoch && members.Length == 0)
            return Unknown;
        if (links < 0 || links > members.Length)
            throw new InvalidDataException($"a chain's view has {links} links among {members.Length} members");
        try
        {
            return Create(epoch, [.. members.Take(links).Select(member => member.Id)], members);
        }
        catch (ArgumentException impossible)
        {
            throw new InvalidDataException(impossible.Message, impossible);
        }
    }

    public override string ToString() => !IsKnown
        ? "no view"
        : $"epoch {Epoch}: chain {string.Join(" > ", Links)}" + (Members.Length > Links.Length ? $", followed by {string.Join(",", Followers.Select(member => member.Id))}" : "");
}
