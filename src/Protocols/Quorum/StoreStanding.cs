using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>How a store stands beside its peers: all in it that is not keys.</summary>
/// <param name="HintBytes">Bytes of hints.</param>
/// <param name="Synced">Up to which index of the own log each peer was compared with.</param>
/// <param name="Owners">For whom there are hints.</param>
/// <param name="Compared">Since the store may lack what it had: the peers it was compared with. Null: it lacks nothing.</param>
internal sealed record StoreStanding(long HintBytes, IReadOnlyDictionary<ReplicaId, long> Synced, IReadOnlyList<ReplicaId> Owners, IReadOnlyList<ReplicaId>? Compared)
{
    public static readonly StoreStanding Empty = new(0, new Dictionary<ReplicaId, long>(), [], null);

    /// <summary>The ring, and which member the store belongs to; null: none was told yet.</summary>
    public RingView? View { get; init; }
    public ReplicaId Self { get; init; }

    /// <summary>Of the change that is under way: whose part has come from which source.</summary>
    public IReadOnlyList<(ReplicaId From, ReplicaId Source)> Copied { get; init; } = [];

    /// <summary>Rounds of conditional writes below this are refused.</summary>
    public long Floor { get; init; }

    /// <summary>Why it is being rebuilt, while <see cref="Compared"/> says with whom it was compared.</summary>
    public RebuildReason Reason { get; init; }

    /// <summary>Of those it was compared with: who had lost something as well.</summary>
    public IReadOnlyList<ReplicaId> Lacking { get; init; } = [];

    /// <summary>What was set aside has been merged where no owner was whole.</summary>
    public bool HasSalvaged { get; init; }

    /// <summary>Keys of which hints are kept, each owner's counted.</summary>
    public int Hints { get; init; }

    /// <summary>Since when the oldest hint is kept, by this replica's wall clock, µs; 0: there is none.</summary>
    public long OldestHint { get; init; }

    /// <summary>Keys set aside.</summary>
    public int Aside { get; init; }

    /// <summary>When the last update was written, by this replica's wall clock, µs.</summary>
    public long AliveAt { get; init; }

    /// <summary>Keys of which an acceptor remembers something.</summary>
    public int Paxos { get; init; }

    public int Keys { get; init; }

    /// <summary>Keys at which a tree was found to differ from the data.</summary>
    public long Damaged { get; init; }

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[5 * sizeof(long) + 11 * sizeof(int) + 3 + (View?.EncodedSize ?? 0)
            + Synced.Count * (sizeof(int) + sizeof(long)) + (Owners.Count + (Compared?.Count ?? 0) + Lacking.Count + 2 * Copied.Count) * sizeof(int)];
        var writer = new ByteWriter(bytes);
        writer.Int64(HintBytes);
        writer.Int32(Synced.Count);
        foreach ((ReplicaId peer, long index) in Synced)
        {
            writer.Int32(peer.Value);
            writer.Int64(index);
        }

        Write(ref writer, Owners);
        writer.Byte(Compared is null ? (byte)0 : (byte)1);
        Write(ref writer, Compared ?? []);
        writer.Bytes(View is null ? default : View.Bytes);
        writer.Int32(Self.Value);
        writer.Int32(Copied.Count);
        foreach ((ReplicaId from, ReplicaId source) in Copied)
        {
            writer.Int32(from.Value);
            writer.Int32(source.Value);
        }

        writer.Int64(Floor);
        writer.Int32(Paxos);
        writer.Int32(Keys);
        writer.Int64(Damaged);
        writer.Byte((byte)Reason);
        Write(ref writer, Lacking);
        writer.Byte(HasSalvaged ? (byte)1 : (byte)0);
        writer.Int32(Aside);
        writer.Int64(AliveAt);
        writer.Int32(Hints);
        writer.Int64(OldestHint);
        Invariant.That(writer.Position == bytes.Length, "a standing is as long as it says");
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no standing.</exception>
    public static StoreStanding Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        long hints = reader.Int64();
        var synced = new SortedDictionary<ReplicaId, long>();
        for (int left = reader.Count(sizeof(int) + sizeof(long)); left > 0; left--)
            synced[new ReplicaId(reader.Int32())] = reader.Int64();
        ReplicaId[] owners = Read(ref reader);
        bool lacks = reader.Bool();
        ReplicaId[] compared = Read(ref reader);
        ReadOnlyMemory<byte> view = reader.Bytes();
        var self = new ReplicaId(reader.Int32());
        var copied = new (ReplicaId, ReplicaId)[reader.Count(2 * sizeof(int))];
        for (int i = 0; i < copied.Length; i++)
            copied[i] = (new ReplicaId(reader.Int32()), new ReplicaId(reader.Int32()));
        var standing = new StoreStanding(hints, synced, owners, lacks ? compared : null)
        {
            View = view.IsEmpty ? null : RingView.Decode(view),
            Self = self,
            Copied = copied,
            Floor = reader.Int64(),
            Paxos = reader.Int32(),
            Keys = reader.Int32(),
            Damaged = reader.Int64(),
            Reason = StoreUpdate.ReasonOf(reader.Byte()),
            Lacking = Read(ref reader),
            HasSalvaged = reader.Bool(),
            Aside = reader.Int32(),
            AliveAt = reader.Int64(),
            Hints = reader.Int32(),
            OldestHint = reader.Int64(),
        };
        reader.End();
        return standing;
    }

    private static void Write(ref ByteWriter writer, IReadOnlyList<ReplicaId> list)
    {
        writer.Int32(list.Count);
        foreach (ReplicaId id in list)
            writer.Int32(id.Value);
    }

    private static ReplicaId[] Read(ref ByteReader reader)
    {
        var list = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < list.Length; i++)
            list[i] = new ReplicaId(reader.Int32());
        return list;
    }
}
