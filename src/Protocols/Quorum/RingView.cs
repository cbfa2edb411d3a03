using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Ring;

namespace ActorRepl.Protocols.Quorum;

/// <summary>How far a change of the ring has got. Of two neighbouring phases, each reads what the other writes; no replica may be two behind.</summary>
public enum RingPhase : byte
{
    /// <summary>One ring.</summary>
    Stable = 1,

    /// <summary>Reads go to the owners of before, writes to those of before and those of after; what moves is copied.</summary>
    Copying = 2,

    /// <summary>All is copied: reads go to the owners of after, writes still to both.</summary>
    Switched = 3,
}

/// <summary>
/// The ring of one epoch, with all that decides who owns a key. An epoch has one view only; the control group keeps the latest. A change goes one member at
/// a time, from a stable ring over <see cref="RingPhase.Copying"/> and <see cref="RingPhase.Switched"/> to the next stable one.
/// <para>
/// Layout: version (1), epoch (8), phase (1); copies: count (4), each region and number (4); nodes, ascending: count (4), each number (4), flags (1: bit 0 of
/// the ring before, bit 1 of the ring after), region, rack, tokens: count (4), the upper four bytes of each.
/// </para>
/// </summary>
public sealed class RingView : IEquatable<RingView>
{
    private const byte Version = 1;
    private const byte InBefore = 1, InAfter = 2;

    private readonly byte[] _bytes;

    private RingView(long epoch, RingPhase phase, TokenRing before, TokenRing after, RingReplication replication)
    {
        Epoch = epoch;
        Phase = phase;
        Before = before;
        After = after;
        Replication = replication;
        Membership = new Membership(after.Nodes.Select(node => node.Id));
        Members = [.. before.Nodes.Concat(after.Nodes).Select(node => node.Id).Distinct().Order()];
        _bytes = ToBytes();
    }

    public long Epoch { get; }
    public RingPhase Phase { get; }

    /// <summary>The same as <see cref="After"/> where nothing changes.</summary>
    public TokenRing Before { get; }
    public TokenRing After { get; }

    public RingReplication Replication { get; }

    /// <summary>Who is on the ring once this change is through.</summary>
    public Membership Membership { get; }

    /// <summary>Everybody on either ring, ascending.</summary>
    public IReadOnlyList<ReplicaId> Members { get; }

    public bool IsChanging => Phase != RingPhase.Stable;

    public bool IsMember(ReplicaId id) => Before.Find(id) is not null || After.Find(id) is not null;

    /// <summary>The member that a change brings; none: it brings nobody.</summary>
    public ReplicaId Joins => After.Nodes.Select(node => node.Id).FirstOrDefault(id => Before.Find(id) is null);

    /// <summary>The member that a change takes out; none: it takes nobody out.</summary>
    public ReplicaId Leaves => Before.Nodes.Select(node => node.Id).FirstOrDefault(id => After.Find(id) is null);

    public string RegionOf(ReplicaId id) => (After.Find(id) ?? Before.Find(id))?.Region ?? "";

    /// <summary>The ring that a shard is made with: everybody makes the same one of the same founders.</summary>
    public static RingView Found(IEnumerable<ReplicaId> members, QuorumOptions options) =>
        Of(0, members.Distinct().Order().Aggregate(TokenRing.Empty, (ring, id) => TokenAllocator.Join(ring, id, options.RegionOf(id), options.RackOf(id), options.Tokens)), options);

    /// <summary>The next epoch: this member is on its way in.</summary>
    public RingView Join(ReplicaId id, QuorumOptions options)
    {
        Invariant.That(!IsChanging && !IsMember(id), "one member joins a stable ring that it is not on");
        TokenRing after = TokenAllocator.Join(After, id, options.RegionOf(id), options.RackOf(id), options.Tokens);
        return new RingView(Epoch + 1, RingPhase.Copying, After, after, CopiesIn(after, options));
    }

    /// <summary>The next epoch: this member is on its way out.</summary>
    public RingView Leave(ReplicaId id)
    {
        Invariant.That(!IsChanging && After.Find(id) is not null && After.Nodes.Count > 1, "one member leaves a stable ring and does not leave it empty");
        return new RingView(Epoch + 1, RingPhase.Copying, After, After.Without(id), Replication);
    }

    /// <summary>The next epoch: what moves has been copied.</summary>
    public RingView Switch()
    {
        Invariant.That(Phase == RingPhase.Copying, "reads move once, after the copy");
        return new RingView(Epoch + 1, RingPhase.Switched, Before, After, Replication);
    }

    /// <summary>The next epoch: the change is through.</summary>
    public RingView Finish()
    {
        Invariant.That(Phase == RingPhase.Switched, "a change ends after its reads have moved");
        return new RingView(Epoch + 1, RingPhase.Stable, After, After, Replication);
    }

    /// <summary>The next epoch: nothing has changed. Once reads have moved there is no way back.</summary>
    public RingView TakeBack()
    {
        Invariant.That(Phase == RingPhase.Copying, "a change is taken back before its reads move");
        return new RingView(Epoch + 1, RingPhase.Stable, Before, Before, Replication);
    }

    public byte[] Encode() => [.. _bytes];

    internal int EncodedSize => _bytes.Length;

    internal ReadOnlySpan<byte> Bytes => _bytes;

    /// <exception cref="InvalidDataException">The bytes are no view of a ring.</exception>
    public static RingView Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a ring's view has version {version}; this build reads {Version}");
        long epoch = reader.Int64();
        var phase = (RingPhase)reader.Byte();
        var copies = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (int left = reader.Count(2 * sizeof(int)); left > 0; left--)
            copies[reader.Text()] = reader.Int32();
        List<RingNode> before = [], after = [];
        for (int left = reader.Count(4 * sizeof(int) + 1); left > 0; left--)
        {
            var id = new ReplicaId(reader.Int32());
            byte flags = reader.Byte();
            string region = reader.Text(), rack = reader.Text();
            ulong[] tokens = new ulong[reader.Count(sizeof(uint))];
            for (int i = 0; i < tokens.Length; i++)
                tokens[i] = (ulong)reader.UInt32() << 32;
            var node = new RingNode(id, region, rack, tokens);
            if ((flags & InBefore) != 0)
                before.Add(node);
            if ((flags & InAfter) != 0)
                after.Add(node);
        }

        reader.End();
        try
        {
            return Checked(epoch, phase, new TokenRing(before), new TokenRing(after), new RingReplication(copies).Validate());
        }
        catch (ArgumentException impossible)
        {
            throw new InvalidDataException(impossible.Message, impossible);
        }
    }

    public bool Equals(RingView? other) => other is not null && _bytes.AsSpan().SequenceEqual(other._bytes);

    public override bool Equals(object? obj) => Equals(obj as RingView);

    public override int GetHashCode() => Epoch.GetHashCode();

    public override string ToString() => Phase switch
    {
        RingPhase.Stable => $"epoch {Epoch}: ring of {string.Join(", ", Members)}",
        _ => $"epoch {Epoch}: ring of {string.Join(", ", Before.Nodes.Select(node => node.Id))}, {(Joins.IsNone ? $"{Leaves} leaves" : $"{Joins} joins")}, {(Phase == RingPhase.Copying ? "its part is being copied" : "its part is copied")}",
    };

    private static RingView Checked(long epoch, RingPhase phase, TokenRing before, TokenRing after, RingReplication replication)
    {
        if (epoch < 0 || phase is < RingPhase.Stable or > RingPhase.Switched)
            throw new ArgumentException($"a ring's view has epoch {epoch} and phase {(byte)phase}");
        if (after.Nodes.Count == 0 || before.Nodes.Count == 0 || before.Nodes.Concat(after.Nodes).Any(node => node.Id.Value < 1))
            throw new ArgumentException("a ring has at least one member before and after a change, and members are numbered from 1");
        var view = new RingView(epoch, phase, before, phase == RingPhase.Stable ? before : after, replication);
        int differ = view.Members.Count(id => before.Find(id) is null || after.Find(id) is null);
        if (differ != (view.IsChanging ? 1 : 0))
            throw new ArgumentException($"{differ} members join or leave in a view of phase {phase}");
        return view;
    }

    private static RingView Of(long epoch, TokenRing ring, QuorumOptions options) => new(epoch, RingPhase.Stable, ring, ring, CopiesIn(ring, options));

    private static RingReplication CopiesIn(TokenRing ring, QuorumOptions options) => new(new SortedDictionary<string, int>(
        ring.Nodes.Select(node => node.Region).Distinct().ToDictionary(region => region, region => options.Copies.GetValueOrDefault(region, options.Replicas)), StringComparer.Ordinal));

    private byte[] ToBytes()
    {
        RingNode[] nodes = [.. Members.Select(id => After.Find(id) ?? Before.Find(id)!)];
        int size = 2 + sizeof(long) + 2 * sizeof(int) + Replication.Copies.Keys.Sum(region => 2 * sizeof(int) + SizeOf(region))
            + nodes.Sum(node => 4 * sizeof(int) + 1 + SizeOf(node.Region) + SizeOf(node.Rack) + node.Tokens.Count * sizeof(uint));
        byte[] bytes = new byte[size];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.Int64(Epoch);
        writer.Byte((byte)Phase);
        writer.Int32(Replication.Copies.Count);
        foreach ((string region, int copies) in Replication.Copies)
        {
            writer.Text(region);
            writer.Int32(copies);
        }

        writer.Int32(nodes.Length);
        foreach (RingNode node in nodes)
        {
            writer.Int32(node.Id.Value);
            writer.Byte((byte)((Before.Find(node.Id) is null ? 0 : InBefore) | (After.Find(node.Id) is null ? 0 : InAfter)));
            writer.Text(node.Region);
            writer.Text(node.Rack);
            writer.Int32(node.Tokens.Count);
            foreach (ulong token in node.Tokens)
            {
                Invariant.That((uint)token == 0, "a ring's tokens are told by their upper half");
                writer.UInt32((uint)(token >> 32));
            }
        }

        Invariant.That(writer.Position == bytes.Length, "a view is as long as it says");
        return bytes;
    }

    private static int SizeOf(string text) => System.Text.Encoding.UTF8.GetByteCount(text);
}
