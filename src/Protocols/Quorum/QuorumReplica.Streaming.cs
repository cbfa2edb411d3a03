using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// What moves in a change of the ring is pulled by whoever gets it: one part at a time, at a bounded rate. From the one whose place is taken, or, where that
/// is away or nobody leaves, from as many of the others as a majority has: all that was acknowledged is with one of them.
/// </summary>
public sealed partial class QuorumReplica
{
    private readonly SortedSet<(ReplicaId From, ReplicaId Source)> _copied = [];
    private readonly Dictionary<(ReplicaId From, ReplicaId Source), int> _silent = [];
    private Stream? _stream;
    private long _keysDone;
    private long _bytesDone;
    private long _keysTotal;
    private long _bytesTotal;

    private sealed class Stream(ReplicaId from, ReplicaId source)
    {
        public ReplicaId From => from;
        public ReplicaId Source => source;
        public long Token { get; set; }
        public StreamPart Part { get; set; } = StreamPart.Paxos;
        public UInt128 After { get; set; }
        public long AskAgainAt { get; set; }
        public int Asked { get; set; }

        /// <summary>All of it has come; copied once so much is applied.</summary>
        public long DoneAt { get; set; }
    }

    private IEnumerable<(KeyOwners Owners, ReplicaId From)> Gets => _view.Phase == RingPhase.Copying
        ? _placement.All.SelectMany(owners => owners.Moves.Where(move => move.To == Self).Select(move => (owners, move.From)))
        : [];

    /// <summary>All that this replica is to get in the change that is on its way is here, durably.</summary>
    private bool HasAll => _view.Phase == RingPhase.Copying && Gets.All(IsCopied);

    private bool IsCopied((KeyOwners Owners, ReplicaId From) part)
    {
        if (!part.From.IsNone && _copied.Contains((part.From, part.From)))
            return true;
        ulong sources = 0;
        foreach ((ReplicaId from, ReplicaId source) in _copied)
            sources |= from == part.From ? part.Owners.BitOf(source) : 0;
        return part.Owners.Before.HasMajority(sources) && part.Owners.Before.HasMajorityOfLocal(sources);
    }

    private (RingView? Of, int Thousandths) _share;

    private RingProgress RingStatus
    {
        get
        {
            (KeyOwners, ReplicaId)[] gets = [.. Gets];
            string phase = _hard.Lost ? "waiting" : _view.Phase switch { RingPhase.Copying => "copying", RingPhase.Switched => "switched", _ => "stable" };
            return new RingProgress(Epoch, phase, gets.Length, gets.Count(IsCopied), _keysDone, Math.Max(_keysTotal, _keysDone), _bytesDone, Math.Max(_bytesTotal, _bytesDone)) { Share = Share };
        }
    }

    private int Share
    {
        get
        {
            if (ReferenceEquals(_share.Of, _view))
                return _share.Thousandths;
            UInt128 own = 0;
            foreach ((Ring.TokenRange range, ReplicaId node) in ReadRing(_view).Ranges())
                own += node == Self ? range.Size : 0;
            _share = (_view, (int)(own * 1_000 >> 64));
            return _share.Thousandths;
        }
    }

    private void BeginStreams()
    {
        _copied.Clear();
        _silent.Clear();
        _stream = null;
        (_keysDone, _bytesDone, _keysTotal, _bytesTotal) = (0, 0, 0, 0);
    }

    /// <summary>At each beat of its timer: asks for the next part, or again for one that does not come.</summary>
    private void Pull(in Instant now, Effects effects)
    {
        if (_view.Phase != RingPhase.Copying || _hard.Lost || _appliedIndex < _viewIndex || IsRebuilding)
            return;
        if (_stream is { DoneAt: > 0 } done)
        {
            if (_appliedIndex < done.DoneAt)
                return;
            _copied.Add((done.From, done.Source));
            _stream = null;
            _nextBeatAt = now.Monotonic;
        }

        _stream ??= NextStream();
        if (_stream is not { } stream)
            return;
        if (stream.Token != 0 && now.Monotonic < stream.AskAgainAt)
            return;
        if (stream.Token != 0 && ++stream.Asked > 3)
        {
            _silent[(stream.From, stream.Source)] = _silent.GetValueOrDefault((stream.From, stream.Source)) + 1;
            _stream = null;
            return;
        }

        stream.Token = NextToken();
        stream.AskAgainAt = now.Monotonic + _options.HintAfterMicros;
        Tell(stream.Source, new StreamAsk(stream.Token, stream.From, stream.Part, stream.After, 0), effects);
    }

    // Whoever has been silent least; of those, the one whose place is taken, which needs nobody else.
    private Stream? NextStream()
    {
        (ReplicaId From, ReplicaId Source)? best = null;
        (int Silent, bool Down, bool Other) least = default;
        foreach ((KeyOwners owners, ReplicaId from) in Gets)
        {
            if (IsCopied((owners, from)))
                continue;
            foreach (ReplicaId source in owners.Those(owners.Before.Mask))
            {
                if (source == Self || _copied.Contains((from, source)))
                    continue;
                (int, bool, bool) cost = (_silent.GetValueOrDefault((from, source)), _down.Contains(source), source != from);
                if (best is null || cost.CompareTo(least) < 0)
                    (best, least) = ((from, source), cost);
            }
        }

        return best is { } chosen ? new Stream(chosen.From, chosen.Source) : null;
    }

    private void TakeStreamed(ReplicaId from, Streamed streamed, in Instant now, Effects effects)
    {
        if (_repair is { IsRebuild: true } rebuild && rebuild.Peer == from && rebuild.PaxosToken == streamed.Token)
        {
            TakeRebuilt(rebuild, streamed, now, effects);
            return;
        }

        if (_stream is not { } stream || stream.Source != from || stream.Token != streamed.Token || streamed.Token == 0)
            return;
        if (stream.Part == StreamPart.Paxos)
        {
            Learn(streamed);
        }
        else
        {
            if (stream.After == 0)
                (_keysTotal, _bytesTotal) = (_keysTotal + streamed.Total, _bytesTotal + streamed.TotalBytes);
            (ReadOnlyMemory<byte>, KeyVersions)[] keys = KeyList.Decode(streamed.Items);
            // What is ahead of the clock here is asked for again, until it is not any more.
            if (!TakeKeys(keys, now))
            {
                (stream.Asked, stream.AskAgainAt) = (0, now.Monotonic + _options.HintAfterMicros);
                return;
            }

            _keysDone += keys.Length;
            _bytesDone += streamed.Items.Length;
        }

        (stream.Part, stream.After, stream.Token, stream.Asked) = (streamed.Next, streamed.After, 0, 0);
        if (streamed.Next == StreamPart.End)
        {
            Update(new StoreUpdate.Copied(Epoch, stream.From, stream.Source));
            stream.DoneAt = NextIndex - 1;
        }
    }

    private void Learn(Streamed streamed)
    {
        if (streamed.Floor > _standing.Floor)
            Update(new StoreUpdate.Floor(streamed.Floor));
        foreach (PaxosState state in PaxosList.Decode(streamed.Items))
            Update(new StoreUpdate.Learn(state));
    }

    /// <summary>As a source: once all that was taken in an earlier epoch is applied, so that nothing acknowledged there is passed over.</summary>
    private void TakeStreamAsk(ReplicaId from, StreamAsk ask, Effects effects)
    {
        // One that is being rebuilt is no source of what moves. But two that are must not wait for each other: what either remembers is learned from all.
        bool isRebuild = ask.From == from;
        if ((IsRebuilding && !isRebuild) || ask.Part is not (StreamPart.Paxos or StreamPart.Keys))
            return;
        if (ask.Floor > _standing.Floor)
            Update(new StoreUpdate.Floor(ask.Floor));
        LookupOnceApplied(new StoreQuery.Stream(from, ask.From, ask.Part, ask.After, _options.StreamBytes), new Awaited.PeerStreams(from, ask.Token), effects);
    }
}
