namespace ActorRepl.Protocols.Kernel;

/// <summary>One thing that happened to a replica. A protocol takes one at a time.</summary>
public abstract record Input
{
    /// <summary>Recovery is over; the machine stands at the checkpoint. Always the first input, once.</summary>
    public sealed record Start(RecoveredState Recovered) : Input;

    public sealed record Received(ReplicaId From, PeerMessage Message) : Input;

    /// <summary>Requests that waited together, in order of arrival.</summary>
    public sealed record Requests(IReadOnlyList<ClientRequest> Batch) : Input;

    /// <summary>Nobody waits for these requests any more; they may still take effect.</summary>
    public sealed record Cancel(IReadOnlyList<long> RequestIds) : Input;

    /// <summary>A timer ran out. A generation other than the last one armed is stale and to be ignored.</summary>
    public sealed record Timer(TimerId Id, long Generation) : Input;

    /// <summary>Every record up to and with this LSN is on disk.</summary>
    public sealed record Durable(long Lsn) : Input;

    public sealed record Storage(StorageState State) : Input;

    /// <summary>The machine has applied every entry up to and with this index.</summary>
    public sealed record Applied(long Index) : Input
    {
        /// <inheritdoc cref="IStateMachine.EndsWithTime"/>
        public bool EndsWithTime { get; init; }
    }

    /// <summary>Answers <see cref="Effect.Lookup"/>.</summary>
    public sealed record LookedUp(long Token, ReadOnlyMemory<byte> Result) : Input;

    /// <summary>
    /// Answers <see cref="Effect.ReadRange"/>, from its first entry on, without a gap; empty: that is no longer there. After an install the WAL may still
    /// have entries of the history before: compare terms.
    /// </summary>
    public sealed record RangeLoaded(long First, IReadOnlyList<EntryBatch> Batches) : Input;

    /// <summary>The checkpoint at this index is durable; what it contains may be forgotten.</summary>
    public sealed record CheckpointSaved(long Index) : Input;

    public sealed record CheckpointFailed(long Index, string Reason) : Input;

    /// <summary>
    /// A checkpoint pulled from a peer is here, whole, and not yet installed: answer with <see cref="Effect.Install"/>
    /// or, if the log has got past it meanwhile, <see cref="Effect.Abandon"/>.
    /// </summary>
    public sealed record TransferReady(ReplicaId From, CheckpointManifest Manifest) : Input;

    /// <summary>The installed checkpoint is durable and the machine stands at its index.</summary>
    public sealed record Installed(long Index) : Input;

    public sealed record TransferFailed(ReplicaId From, long Index, string Reason) : Input;

    /// <summary>
    /// A peer is believed up or down: a hint, never proof. <paramref name="OnlySilent"/>: nothing was seen to end, its node
    /// was just not heard for a while, as of one that is slow.
    /// </summary>
    public sealed record PeerHint(ReplicaId Peer, bool Up, bool OnlySilent = false) : Input;

    /// <summary>In which region each node stands, as far as this one has heard: a hint, which may differ between replicas and change.</summary>
    public sealed record Places(IReadOnlyDictionary<ReplicaId, string> Regions) : Input;

    /// <summary>
    /// A master outside the protocol has this view in force (chain, primary–backup). It may be told again, late, and out of order; an empty one is that
    /// which the shard was made with.
    /// </summary>
    public sealed record ViewChanged(long Epoch, ReadOnlyMemory<byte> View) : Input;

    /// <summary>Give leadership away, to <paramref name="To"/> or to whoever is best: the node is about to stop.</summary>
    public sealed record HandOver(ReplicaId To) : Input;
}

public enum StorageState : byte
{
    /// <summary>Writes succeed again; records that were refused as full are being written now.</summary>
    Healthy = 1,

    /// <summary>The disk is full: records wait, certainly not written. Reads go on.</summary>
    Full = 2,
}
