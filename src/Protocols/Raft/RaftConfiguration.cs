using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Who votes and who only learns. While two configurations are joined (section 6), <see cref="OldVoters"/> is not empty
/// and every decision needs a majority of both.
/// <para>Layout: version (1), then voters, old voters and learners, each a count (4) and replica numbers (4 each).</para>
/// </summary>
internal sealed class RaftConfiguration
{
    private const byte Version = 1;
    public const int MaxMembers = 63;

    public RaftConfiguration(IEnumerable<ReplicaId> voters, IEnumerable<ReplicaId>? oldVoters = null, IEnumerable<ReplicaId>? learners = null)
    {
        Voters = Sorted(voters);
        OldVoters = Sorted(oldVoters ?? []);
        Learners = Sorted(learners ?? []);
        Members = Sorted([.. Voters, .. OldVoters, .. Learners]);
        if (Voters.Length == 0 || Members.Length > MaxMembers)
            throw new ArgumentException($"a configuration has {Voters.Length} voters and {Members.Length} members; "
                + $"it needs 1 voter and has at most {MaxMembers} members");
        if (Members[0].Value < 1)
            throw new ArgumentException($"a configuration names replica {Members[0].Value}; the first is 1");
    }

    /// <summary>All lists are in ascending order and free of doubles.</summary>
    public ReplicaId[] Voters { get; }
    public ReplicaId[] OldVoters { get; }
    public ReplicaId[] Learners { get; }
    public ReplicaId[] Members { get; }

    public bool IsMember(ReplicaId id) => Array.IndexOf(Members, id) >= 0;

    public bool IsVoter(ReplicaId id) => Array.IndexOf(Voters, id) >= 0 || Array.IndexOf(OldVoters, id) >= 0;

    /// <summary>The largest value that a majority of the voters has reached.</summary>
    public long QuorumValue(Func<ReplicaId, long> value)
    {
        long reached = MajorityValue(Voters, value);
        return OldVoters.Length == 0 ? reached : Math.Min(reached, MajorityValue(OldVoters, value));
    }

    public bool HasQuorum(Func<ReplicaId, bool> agrees) => QuorumValue(id => agrees(id) ? 1 : 0) == 1;

    public byte[] Encode()
    {
        byte[] bytes = new byte[1 + 3 * sizeof(int) + (Voters.Length + OldVoters.Length + Learners.Length) * sizeof(int)];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        foreach (ReplicaId[] list in (ReplicaId[][])[Voters, OldVoters, Learners])
        {
            writer.Int32(list.Length);
            foreach (ReplicaId id in list)
                writer.Int32(id.Value);
        }

        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no configuration.</exception>
    public static RaftConfiguration Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a Raft configuration has version {version}; this build reads {Version}");
        ReplicaId[] voters = ReadList(ref reader), oldVoters = ReadList(ref reader), learners = ReadList(ref reader);
        reader.End();
        try
        {
            return new RaftConfiguration(voters, oldVoters, learners);
        }
        catch (ArgumentException impossible)
        {
            throw new InvalidDataException(impossible.Message, impossible);
        }
    }

    public override string ToString() =>
        string.Join(",", Voters)
        + (OldVoters.Length > 0 ? $" from {string.Join(",", OldVoters)}" : "")
        + (Learners.Length > 0 ? $" learners {string.Join(",", Learners)}" : "");

    private static ReplicaId[] ReadList(ref ByteReader reader)
    {
        var list = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < list.Length; i++)
            list[i] = new ReplicaId(reader.Int32());
        return list;
    }

    private static long MajorityValue(ReplicaId[] voters, Func<ReplicaId, long> value)
    {
        Span<long> values = stackalloc long[voters.Length];
        for (int i = 0; i < voters.Length; i++)
            values[i] = value(voters[i]);
        values.Sort();
        return values[(voters.Length - 1) / 2];
    }

    private static ReplicaId[] Sorted(IEnumerable<ReplicaId> ids) => [.. ids.Distinct().Order()];
}
