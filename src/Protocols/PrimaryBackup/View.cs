using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>One member of a view, and what part it has there.</summary>
/// <param name="Id">Who it is.</param>
/// <param name="InSync">It is in the sync set: its acknowledgements count, and it may take over.</param>
/// <param name="ReadOnly">It follows and serves reads, and is never in the sync set.</param>
/// <param name="DelayMillis">It applies what is committed only so many ms after it was written, and is never in the sync set; 0: at once.</param>
/// <param name="Upstream">From whom it gets the log in place of the primary; it is never in the sync set then. None: from the primary.</param>
/// <param name="Pardon">The loss (see <see cref="Standing"/>) that this view has taken into account; 0: none.</param>
public readonly record struct ViewMember(ReplicaId Id, bool InSync, bool ReadOnly = false, int DelayMillis = 0, ReplicaId Upstream = default, long Pardon = 0)
{
    internal const int Size = sizeof(int) + 1 + sizeof(int) + sizeof(int) + sizeof(long);

    /// <summary>Its part allows it to be in the sync set.</summary>
    public bool IsEligible => !ReadOnly && DelayMillis == 0 && Upstream.IsNone;
}

/// <summary>
/// Who does what in one epoch: the primary, the sync set, the other members, and the promise. An epoch has one view only.
/// <para>Layout: version (1), epoch (8), primary (4), promise (4), then a count (4) and per member its number (4), flags (1: bit 0 in
/// sync, bit 1 read-only), delay in ms (4), upstream (4), pardon (8).</para>
/// </summary>
public sealed class View
{
    private const byte Version = 1;

    /// <summary>What one that joins knows before anybody tells it.</summary>
    public static readonly View Unknown = new(-1, default, 0, []);

    private View(long epoch, ReplicaId primary, int promise, ViewMember[] members)
    {
        Epoch = epoch;
        Primary = primary;
        Promise = promise;
        Members = members;
        SyncSet = [.. members.Where(member => member.InSync).Select(member => member.Id)];
        Backups = [.. SyncSet.Where(id => id != primary)];
    }

    /// <exception cref="ArgumentException">The parts do not fit each other.</exception>
    public static View Create(long epoch, ReplicaId primary, int promise, IEnumerable<ViewMember> members)
    {
        ViewMember[] sorted = [.. members.OrderBy(member => member.Id)];
        if (epoch < 0)
            throw new ArgumentException($"a view has epoch {epoch}; the first is 0");
        if (sorted.Length is 0 or > Membership.MaxMembers)
            throw new ArgumentException($"a view has {sorted.Length} members; it has 1 to {Membership.MaxMembers}");
        if (sorted[0].Id.Value < 1 || sorted.DistinctBy(member => member.Id).Count() != sorted.Length)
            throw new ArgumentException($"members of a view are numbered from 1 and named once: {string.Join(",", sorted.Select(member => member.Id))}");
        if (Array.Find(sorted, member => (member.InSync && !member.IsEligible) || member.DelayMillis < 0 || member.Pardon < 0) is { Id.IsNone: false } odd)
            throw new ArgumentException($"{odd.Id} cannot be in the sync set as it is, or has a negative delay");
        if (Array.Find(sorted, member => member.Upstream == member.Id) is { Id.IsNone: false } loop)
            throw new ArgumentException($"{loop.Id} cannot be its own upstream");
        var view = new View(epoch, primary, promise, sorted);
        if (Array.IndexOf(view.SyncSet, primary) < 0)
            throw new ArgumentException($"the primary {primary} is not in the sync set {string.Join(",", view.SyncSet)}");
        if (promise < Math.Min(1, view.Backups.Length) || promise > view.Backups.Length)
            throw new ArgumentException($"a view with {view.Backups.Length} backups in sync has promise {promise}; it must be from {Math.Min(1, view.Backups.Length)} to {view.Backups.Length}");
        return view;
    }

    public long Epoch { get; }
    public ReplicaId Primary { get; }

    /// <summary>The fewest backups that any acknowledged write stronger than Async is on.</summary>
    public int Promise { get; }

    /// <summary>All members, in ascending order.</summary>
    public ViewMember[] Members { get; }

    /// <summary>Those in sync, the primary included, in ascending order.</summary>
    public ReplicaId[] SyncSet { get; }

    /// <summary>Those in sync but the primary.</summary>
    public ReplicaId[] Backups { get; }

    public bool IsKnown => Epoch >= 0;

    /// <summary>How many of <see cref="Backups"/> must have sealed the epoch before one of them may take over: any <see cref="Promise"/> of them have one in common with these.</summary>
    public int SealsToTakeOver => Backups.Length - Promise + 1;

    /// <summary>The members that are not read-only, a majority of whom is a quorum.</summary>
    public int VoterCount => Members.Count(member => !member.ReadOnly);

    public bool IsMember(ReplicaId id) => Find(id) is not null;

    public bool IsInSync(ReplicaId id) => Array.IndexOf(SyncSet, id) >= 0;

    public bool IsBackup(ReplicaId id) => Array.IndexOf(Backups, id) >= 0;

    public ViewMember? Find(ReplicaId id)
    {
        foreach (ViewMember member in Members)
        {
            if (member.Id == id)
                return member;
        }

        return null;
    }

    /// <summary>Those who are to hold the shard: voters may lead, learners are read-only.</summary>
    public Membership? Membership => IsKnown
        ? new Membership(Members.Where(member => !member.ReadOnly).Select(member => member.Id), Members.Where(member => member.ReadOnly).Select(member => member.Id))
        : null;

    public byte[] Encode()
    {
        byte[] bytes = new byte[1 + sizeof(long) + 3 * sizeof(int) + Members.Length * ViewMember.Size];
        var writer = new ByteWriter(bytes);
        Encode(ref writer);
        return bytes;
    }

    internal int EncodedSize => 1 + sizeof(long) + 3 * sizeof(int) + Members.Length * ViewMember.Size;

    internal void Encode(ref ByteWriter writer)
    {
        writer.Byte(Version);
        writer.Int64(Epoch);
        writer.Int32(Primary.Value);
        writer.Int32(Promise);
        writer.Int32(Members.Length);
        foreach (ViewMember member in Members)
        {
            writer.Int32(member.Id.Value);
            writer.Byte((byte)((member.InSync ? 1 : 0) | (member.ReadOnly ? 2 : 0)));
            writer.Int32(member.DelayMillis);
            writer.Int32(member.Upstream.Value);
            writer.Int64(member.Pardon);
        }
    }

    /// <exception cref="InvalidDataException">The bytes are no view.</exception>
    public static View Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        View view = Decode(ref reader);
        reader.End();
        return view;
    }

    internal static View Decode(ref ByteReader reader)
    {
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a view has version {version}; this build reads {Version}");
        long epoch = reader.Int64();
        var primary = new ReplicaId(reader.Int32());
        int promise = reader.Int32();
        var members = new ViewMember[reader.Count(ViewMember.Size)];
        for (int i = 0; i < members.Length; i++)
        {
            var id = new ReplicaId(reader.Int32());
            byte flags = reader.Byte();
            if (flags > 3)
                throw new InvalidDataException($"a view's member {id} has flags {flags}; they are 0 to 3");
            members[i] = new ViewMember(id, (flags & 1) != 0, (flags & 2) != 0, reader.Int32(), new ReplicaId(reader.Int32()), reader.Int64());
        }

        if (epoch == Unknown.Epoch && members.Length == 0)
            return Unknown;
        try
        {
            return Create(epoch, primary, promise, members);
        }
        catch (ArgumentException impossible)
        {
            throw new InvalidDataException(impossible.Message, impossible);
        }
    }

    public override string ToString() => !IsKnown
        ? "no view"
        : $"epoch {Epoch}: primary {Primary}, in sync {string.Join(",", SyncSet)}, promise {Promise}"
            + (Members.Length > SyncSet.Length ? $", others {string.Join(",", Members.Where(member => !member.InSync).Select(member => member.Id))}" : "");
}
