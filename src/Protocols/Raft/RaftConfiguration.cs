using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Who is counted, who may lead and who only learns. While two memberships are joined (section 6), those counted before
/// are listed too, and every decision needs a majority of both.
/// <para>Layout: version (1), then voters, old voters, learners, witnesses, old witnesses and witnesses to come, each a count
/// (4) and replica numbers (4 each); then pardons, a count (4) and for each a replica number (4) and its loss (8). Version 1 had the first
/// three lists only.</para>
/// </summary>
internal sealed class RaftConfiguration
{
    private const byte Version = 2;
    private const byte FirstVersion = 1;
    public const int MaxMembers = Membership.MaxMembers;

    public RaftConfiguration(IEnumerable<ReplicaId> voters, IEnumerable<ReplicaId>? oldVoters = null, IEnumerable<ReplicaId>? learners = null)
        : this(new Membership(voters, learners), oldVoters ?? [], [], [], [])
    {
    }

    public RaftConfiguration(Membership membership) : this(membership, [], [], [], [])
    {
    }

    private RaftConfiguration(Membership membership, IEnumerable<ReplicaId> oldVoters, IEnumerable<ReplicaId> oldWitnesses, IEnumerable<ReplicaId> coming, Pardon[] pardons)
    {
        Membership = membership;
        Voters = [.. membership.Voters];
        Learners = [.. membership.Learners];
        Witnesses = [.. membership.Witnesses];
        OldVoters = Sorted(oldVoters);
        OldWitnesses = Sorted(oldWitnesses);
        Coming = Sorted(coming);
        Counted = Sorted([.. Voters, .. Witnesses]);
        OldCounted = Sorted([.. OldVoters, .. OldWitnesses]);
        Members = Sorted([.. membership.Members, .. OldCounted, .. Coming]);
        Pardons = pardons;
        if (Members.Length > MaxMembers || Members[0].Value < 1)
            throw new ArgumentException($"a configuration has {Members.Length} members from {Members[0].Value} on; it has at most {MaxMembers}, numbered from 1");
        if (Witnesses.Length >= Voters.Length || (OldWitnesses.Length > 0 && OldWitnesses.Length >= OldVoters.Length))
            throw new ArgumentException($"{this} has as many witnesses as voters; every majority must have a replica with state");
    }

    /// <summary>The membership in force; while two are joined, the one that comes into force.</summary>
    public Membership Membership { get; }

    /// <summary>All lists are in ascending order and free of doubles. Voters hold the state and may lead.</summary>
    public ReplicaId[] Voters { get; }
    public ReplicaId[] Learners { get; }
    public ReplicaId[] Witnesses { get; }
    public ReplicaId[] OldVoters { get; }
    public ReplicaId[] OldWitnesses { get; }

    /// <summary>Witnesses that learn the log before they are counted.</summary>
    public ReplicaId[] Coming { get; }

    /// <summary>Voters and witnesses: a majority of them decides, and while two memberships are joined, of the old ones too.</summary>
    public ReplicaId[] Counted { get; }
    public ReplicaId[] OldCounted { get; }
    public ReplicaId[] Members { get; }

    /// <summary>Replicas that may promise again after a loss; kept while they are members.</summary>
    public Pardon[] Pardons { get; }

    public bool IsJoint => OldCounted.Length > 0;

    public bool IsMember(ReplicaId id) => Array.IndexOf(Members, id) >= 0;

    /// <summary>Counted, with state: it may lead.</summary>
    public bool IsVoter(ReplicaId id) => Array.IndexOf(Voters, id) >= 0 || Array.IndexOf(OldVoters, id) >= 0;

    /// <summary>It has, or is to have, the log without commands and no state.</summary>
    public bool IsWitness(ReplicaId id) => Array.IndexOf(Witnesses, id) >= 0 || Array.IndexOf(OldWitnesses, id) >= 0 || Array.IndexOf(Coming, id) >= 0;

    /// <summary>The largest value that a majority of those counted has reached.</summary>
    public long QuorumValue(Func<ReplicaId, long> value)
    {
        long reached = MajorityValue(Counted, value);
        return OldCounted.Length == 0 ? reached : Math.Min(reached, MajorityValue(OldCounted, value));
    }

    public bool HasQuorum(Func<ReplicaId, bool> agrees) => QuorumValue(id => agrees(id) ? 1 : 0) == 1;

    /// <summary>
    /// The entry that leads to another membership: at once if the same replicas are counted, else joined with this one.
    /// </summary>
    public RaftConfiguration Toward(Membership next, Pardon[] pardons, params ReplicaId[] coming)
    {
        Invariant.That(!IsJoint, "one change of members at a time");
        var alone = new RaftConfiguration(next);
        bool sameCount = alone.Voters.SequenceEqual(Voters) && alone.Witnesses.SequenceEqual(Witnesses);
        Pardon[] all = [.. pardons, .. Pardons.Where(old => (alone.IsMember(old.Id) || Array.IndexOf(coming, old.Id) >= 0) && !Array.Exists(pardons, pardon => pardon.Id == old.Id))];
        return sameCount ? new RaftConfiguration(next, [], [], coming, all) : new RaftConfiguration(next, Voters, Witnesses, coming, all);
    }

    /// <summary>The entry that ends the joining.</summary>
    public RaftConfiguration Alone() => new(Membership, [], [], Coming, Pardons);

    public byte[] Encode()
    {
        ReplicaId[][] lists = [Voters, OldVoters, Learners, Witnesses, OldWitnesses, Coming];
        byte[] bytes = new byte[1 + lists.Sum(list => sizeof(int) * (1 + list.Length)) + sizeof(int) + Pardons.Length * Pardon.Size];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        foreach (ReplicaId[] list in lists)
        {
            writer.Int32(list.Length);
            foreach (ReplicaId id in list)
                writer.Int32(id.Value);
        }

        writer.Int32(Pardons.Length);
        foreach (Pardon pardon in Pardons)
        {
            writer.Int32(pardon.Id.Value);
            writer.Int64(pardon.Loss);
        }

        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no configuration.</exception>
    public static RaftConfiguration Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version is not (Version or FirstVersion))
            throw new InvalidDataException($"a Raft configuration has version {version}; this build reads {FirstVersion} and {Version}");
        ReplicaId[] voters = ReadList(ref reader), oldVoters = ReadList(ref reader), learners = ReadList(ref reader);
        ReplicaId[] witnesses = [], oldWitnesses = [], coming = [];
        Pardon[] pardons = [];
        if (version == Version)
        {
            witnesses = ReadList(ref reader);
            oldWitnesses = ReadList(ref reader);
            coming = ReadList(ref reader);
            pardons = ReadPardons(ref reader);
        }

        reader.End();
        try
        {
            return new RaftConfiguration(new Membership(voters, learners, witnesses), oldVoters, oldWitnesses, coming, pardons);
        }
        catch (ArgumentException impossible)
        {
            throw new InvalidDataException(impossible.Message, impossible);
        }
    }

    public override string ToString() => IsJoint
        ? $"{Membership} from {string.Join(",", OldVoters)}" + (OldWitnesses.Length > 0 ? $" witnesses {string.Join(",", OldWitnesses)}" : "")
        : Membership.ToString();

    private static ReplicaId[] ReadList(ref ByteReader reader)
    {
        var list = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < list.Length; i++)
            list[i] = new ReplicaId(reader.Int32());
        return list;
    }

    private static Pardon[] ReadPardons(ref ByteReader reader)
    {
        var pardons = new Pardon[reader.Count(Pardon.Size)];
        for (int i = 0; i < pardons.Length; i++)
            pardons[i] = new Pardon(new ReplicaId(reader.Int32()), reader.Int64());
        return pardons;
    }

    private static long MajorityValue(ReplicaId[] counted, Func<ReplicaId, long> value)
    {
        Span<long> values = stackalloc long[counted.Length];
        for (int i = 0; i < counted.Length; i++)
            values[i] = value(counted[i]);
        values.Sort();
        return values[(counted.Length - 1) / 2];
    }

    private static ReplicaId[] Sorted(IEnumerable<ReplicaId> ids) => [.. ids.Distinct().Order()];
}

/// <summary>
/// Gives a replica its vote back after the loss it named: a random number it drew when it found the damage, so that the
/// entry with the pardon is certainly later than the loss.
/// </summary>
internal readonly record struct Pardon(ReplicaId Id, long Loss)
{
    public const int Size = sizeof(int) + sizeof(long);
}
