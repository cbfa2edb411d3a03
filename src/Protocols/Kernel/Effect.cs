namespace ActorRepl.Protocols.Kernel;

/// <summary>One thing a protocol wants done. Effects of a step are carried out in the order they were listed.</summary>
public abstract record Effect
{
    /// <summary>Make a record durable under this LSN; <see cref="Input.Durable"/> follows.</summary>
    public sealed record Append(long Lsn, WalRecord Record) : Effect;

    /// <summary>Send at once, while the disk may still be writing.</summary>
    public sealed record Send(ReplicaId To, PeerMessage Message) : Effect;

    /// <summary>Send once every record appended so far is durable: votes, acknowledgements.</summary>
    public sealed record SendWhenDurable(ReplicaId To, PeerMessage Message, long Lsn) : Effect;

    /// <summary>Run the timer out after this many µs. Replaces the timer of that id.</summary>
    public sealed record Arm(TimerId Id, long Generation, long DelayMicros) : Effect;

    public sealed record CancelTimer(TimerId Id) : Effect;

    /// <summary>
    /// Apply committed entries to the machine. <paramref name="Waiting"/>, empty or one id an entry (0: nobody waits),
    /// says whose request gets the result. <see cref="Input.Applied"/> follows.
    /// </summary>
    public sealed record Apply(EntryBatch Batch, IReadOnlyList<long> Waiting) : Effect;

    /// <summary>Answer these reads from the machine as it stands now.</summary>
    public sealed record Serve(IReadOnlyList<ClientRequest> Reads) : Effect;

    /// <summary>Ask the machine on the protocol's own behalf; <see cref="Input.LookedUp"/> follows.</summary>
    public sealed record Lookup(long Token, ReadOnlyMemory<byte> Query) : Effect;

    public sealed record Reply(long RequestId, ReadOnlyMemory<byte> Result) : Effect;

    public sealed record Reject(long RequestId, Rejection Why) : Effect;

    /// <summary>
    /// Read entries back from the WAL, up to about this many bytes and at least one batch; <see cref="Input.RangeLoaded"/> follows. Those from before
    /// the last checkpoint are there if the protocol says that it reads them back, and none of them is certain to be.
    /// </summary>
    public sealed record ReadRange(long First, long Last, int MaxBytes) : Effect;

    /// <summary>Save the machine's state; <see cref="Input.CheckpointSaved"/> or failed follows. One at a time.</summary>
    public sealed record Checkpoint(CheckpointRequest Request, long Lsn) : Effect;

    /// <summary>
    /// Pull the newest checkpoint, at <paramref name="Index"/> or later, from a peer and install it. One at a time.
    /// <paramref name="MetadataOnly"/>: its manifest without segments; the machine stays as it is.
    /// </summary>
    public sealed record Fetch(ReplicaId From, long Index, bool MetadataOnly = false) : Effect;

    /// <summary>
    /// Put the checkpoint that is ready in the place of machine and log. The request's tail is what of the log stays
    /// above it. Until <see cref="Input.Installed"/> the protocol neither takes entries nor applies any.
    /// </summary>
    public sealed record Install(CheckpointRequest Request, long Lsn) : Effect;

    /// <summary>Throw away the checkpoint that is ready or on its way.</summary>
    public sealed record Abandon : Effect;

    /// <summary>
    /// Ask the control group to install a view in the epoch after <paramref name="ExpectedEpoch"/>. It is installed as a whole or
    /// not at all; <see cref="Input.ViewChanged"/> tells of whatever view is in force then. No answer: ask again.
    /// </summary>
    public sealed record ProposeView(long ExpectedEpoch, ReadOnlyMemory<byte> View) : Effect;

    /// <summary>
    /// Ask the control group which view is in force; <see cref="Input.ViewChanged"/> tells, even if it is the one that is known. Costs no entry of
    /// its log. No answer: ask again.
    /// </summary>
    public sealed record AskView : Effect;

    /// <summary>
    /// Keep entries that the record or installation after this one takes out of the log in a file of their own, for an operator; durable
    /// before that.
    /// </summary>
    public sealed record SetAside(IReadOnlyList<EntryBatch> Lost, string Why) : Effect;

    /// <summary>Something an operator wants to know, once.</summary>
    public sealed record Report(string Event) : Effect;
}

/// <summary>
/// Collects the effects of a step. Reused from step to step: the list is the driver's and is emptied by it.
/// Numbers the records, so that a protocol can wait for the LSN it was given.
/// </summary>
public sealed class Effects
{
    private readonly List<Effect> _list = [];

    public IReadOnlyList<Effect> List => _list;

    /// <summary>The LSN of the last record appended.</summary>
    public long LastLsn { get; private set; }

    public void StartAfter(long lastLsn) => LastLsn = lastLsn;

    public void Clear() => _list.Clear();

    public long Append(WalRecord record)
    {
        _list.Add(new Effect.Append(++LastLsn, record));
        return LastLsn;
    }

    public void Send(ReplicaId to, PeerMessage message) => _list.Add(new Effect.Send(to, message));

    public void SendWhenDurable(ReplicaId to, PeerMessage message) => _list.Add(new Effect.SendWhenDurable(to, message, LastLsn));

    /// <summary>The request describes the replica as it stands now, every record appended so far included.</summary>
    public void Checkpoint(CheckpointRequest request) => _list.Add(new Effect.Checkpoint(request, LastLsn));

    /// <inheritdoc cref="Checkpoint"/>
    public void Install(CheckpointRequest request) => _list.Add(new Effect.Install(request, LastLsn));

    public void Add(Effect effect) => _list.Add(effect);
}
