namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// Who holds a shard. A voter has the log and the state and is counted; a learner has both and is not counted; a witness
/// is counted, keeps its vote and the log's metadata, and has no state.
/// <para>Layout: version (1), then voters, learners, witnesses, each a count (4) and replica numbers (4 each).</para>
/// </summary>
public sealed class Membership : IEquatable<Membership>
{
    private const byte Version = 1;

    /// <summary>The most replicas of one shard, all kinds together.</summary>
    public const int MaxMembers = 63;

    /// <exception cref="ArgumentException">A replica has two roles, nobody can lead, or there are too many.</exception>
    public Membership(IEnumerable<ReplicaId> voters, IEnumerable<ReplicaId>? learners = null, IEnumerable<ReplicaId>? witnesses = null)
    {
        Voters = [.. voters.Distinct().Order()];
        Learners = [.. (learners ?? []).Distinct().Order()];
        Witnesses = [.. (witnesses ?? []).Distinct().Order()];
        Members = [.. Voters.Concat(Learners).Concat(Witnesses).Order()];
        if (Voters.Count == 0)
            throw new ArgumentException("a shard needs at least one voter that holds its state");
        if (Members.Count > MaxMembers)
            throw new ArgumentException($"a shard has at most {MaxMembers} members; these are {Members.Count}");
        if (Members[0].Value < 1)
            throw new ArgumentException($"members are numbered from 1; {Members[0].Value} is among them");
        if (Members.Distinct().Count() != Members.Count)
            throw new ArgumentException($"a member has one role; {this} names one twice");
    }

    /// <summary>All lists are in ascending order.</summary>
    public IReadOnlyList<ReplicaId> Voters { get; }
    public IReadOnlyList<ReplicaId> Learners { get; }
    public IReadOnlyList<ReplicaId> Witnesses { get; }
    public IReadOnlyList<ReplicaId> Members { get; }

    public byte[] Encode()
    {
        byte[] bytes = new byte[1 + 3 * sizeof(int) + Members.Count * sizeof(int)];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        foreach (IReadOnlyList<ReplicaId> list in (IReadOnlyList<ReplicaId>[])[Voters, Learners, Witnesses])
        {
            writer.Int32(list.Count);
            foreach (ReplicaId id in list)
                writer.Int32(id.Value);
        }

        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no membership.</exception>
    public static Membership Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a membership has version {version}; this build reads {Version}");
        ReplicaId[] voters = ReadList(ref reader), learners = ReadList(ref reader), witnesses = ReadList(ref reader);
        reader.End();
        try
        {
            return new Membership(voters, learners, witnesses);
        }
        catch (ArgumentException impossible)
        {
            throw new InvalidDataException(impossible.Message, impossible);
        }
    }

    public bool Equals(Membership? other) =>
        other is not null && Voters.SequenceEqual(other.Voters) && Learners.SequenceEqual(other.Learners) && Witnesses.SequenceEqual(other.Witnesses);

    public override bool Equals(object? obj) => Equals(obj as Membership);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (ReplicaId id in Members)
            hash.Add(id.Value);
        return hash.ToHashCode();
    }

    public override string ToString() =>
        string.Join(",", Voters)
        + (Learners.Count > 0 ? $" learners {string.Join(",", Learners)}" : "")
        + (Witnesses.Count > 0 ? $" witnesses {string.Join(",", Witnesses)}" : "");

    private static ReplicaId[] ReadList(ref ByteReader reader)
    {
        var list = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < list.Length; i++)
            list[i] = new ReplicaId(reader.Int32());
        return list;
    }
}
