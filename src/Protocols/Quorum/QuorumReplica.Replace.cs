using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Writes of clients that have no contexts, and replace whatever there is, where they cannot be done in one round (see QuorumReplica.Covering). A coordinator that writes after what it knows itself may lack what a majority has acknowledged:
/// the two would stand beside each other, and clocks decide which one is read. So it asks first which writes the owners know, as many of them as a read asks, and has their versions sent if they know more
/// than it does. Ordinarily they do not, and what is asked and told are a few bytes a key.
/// </summary>
public sealed partial class QuorumReplica
{
    private readonly SortedDictionary<ReplicaId, List<AskedKey>> _asks = [];
    // Those of which enough is known, to be written once it is looked up what is here.
    private List<(WriteOperation Write, QuorumRequest Request)> _known = [];

    private Inquiry? InquiryOf(QuorumRequest request, ConsistencyLevel chosen, KeyOwners owners)
    {
        if (!request.Replace || !request.Context.IsEmpty)
            return null;
        ConsistencyLevel level = chosen.IsDefault ? _options.Read : chosen.Kind == ConsistencyKind.Any ? ConsistencyLevel.One : chosen;
        ulong here = SaysAll(owners);
        return owners.IsRead(level, here) ? null : new Inquiry(request, level) { Told = here };
    }

    // What is here is looked up at last, before it is written.
    private ulong SaysAll(KeyOwners owners) => IsRebuilding ? 0 : owners.BitOf(Self);

    /// <summary>Asks those who have not answered.</summary>
    private void Inquire(WriteOperation write)
    {
        Inquiry inquiry = write.Inquiry!;
        if (inquiry.IsOver || IsKnown(write, inquiry))
            return;
        KeyOwners owners = write.Owners;
        ulong silent = owners.Readers.Mask & ~inquiry.Heard;
        for (int i = 0; i < owners.All.Length; i++)
        {
            if (((silent >> i) & 1) == 0 || owners.All[i] == Self)
                continue;
            if (inquiry.Fetches)
                AddTo(_gets, owners.All[i], new Parcel(write.Token, default, write.Key, KeyVersions.Empty));
            else
                AddTo(_asks, owners.All[i], new AskedKey(write.Token, write.Key));
        }
    }

    /// <summary>As an owner: says which writes are durable here. One that may lack some says nothing.</summary>
    private void TakeAsk(ReplicaId from, Ask ask, Effects effects)
    {
        if (IsRebuilding || ask.Keys.Count == 0)
            return;
        var keys = new ReadOnlyMemory<byte>[ask.Keys.Count];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = ask.Keys[i].Key;
        Lookup(new StoreQuery.Clocks(keys), new Awaited.PeerAsks(from, ask.Keys), effects);
    }

    private void AnswerAsk(ReplicaId to, IReadOnlyList<AskedKey> keys, ReadOnlyMemory<byte> clocks, Effects effects)
    {
        var reader = new ByteReader(clocks);
        var told = new List<ToldClock>(keys.Count);
        foreach (AskedKey key in keys)
            told.Add(new ToldClock(key.Token, VersionVector.Decode(ref reader)));
        reader.End();
        foreach (List<ToldClock> some in InParts(told, static clock => clock.EncodedSize))
            Tell(to, new Told(some), effects);
    }

    private void TakeTold(ReplicaId from, Told told)
    {
        foreach (ToldClock clock in told.Clocks)
        {
            if (!_operations.TryGetValue(clock.Token, out Operation? operation) || operation is not WriteOperation { Inquiry: { IsOver: false, Fetches: false } inquiry } write)
                continue;
            inquiry.Told |= write.Owners.BitOf(from) & write.Owners.Readers.Mask;
            if (inquiry.Clock.HasRoomFor(clock.Clock))
                inquiry.Clock = inquiry.Clock.Merge(clock.Clock);
            IsKnown(write, inquiry);
        }
    }

    private void Fetched(WriteOperation write, ReplicaId from, KeyVersions versions)
    {
        Inquiry inquiry = write.Inquiry!;
        inquiry.Sent |= write.Owners.BitOf(from) & write.Owners.Readers.Mask;
        inquiry.Found = inquiry.Found.Merge(versions);
        IsKnown(write, inquiry);
    }

    // As if it had not answered; once too few others are left, it is for a coordinator whose clock is right.
    private void FetchedAhead(WriteOperation write, ReplicaId from, KeyVersions versions, in Instant now, Effects effects)
    {
        Inquiry inquiry = write.Inquiry!;
        inquiry.Ahead |= write.Owners.BitOf(from);
        if (!write.Owners.IsRead(inquiry.Level, write.Owners.Readers.Mask & ~inquiry.Ahead) && IsAhead(versions, now, out long skew))
            RefuseWrite(write, TooFarBehind(skew), effects);
    }

    private bool IsKnown(WriteOperation write, Inquiry inquiry)
    {
        if (!write.Owners.IsRead(inquiry.Level, inquiry.Heard))
            return false;
        inquiry.IsOver = true;
        // Nobody waits for it any more, and nothing was done.
        if (!write.IsAnswered)
            _known.Add((write, inquiry.Request));
        return true;
    }

    /// <summary>What it was asked for is here, or is fetched first.</summary>
    /// <param name="write">With an inquiry that is over.</param>
    /// <param name="before">What this replica has; what it has and was sent.</param>
    /// <returns>False: not yet.</returns>
    private bool HasAllOf(WriteOperation write, ref KeyVersions before)
    {
        Inquiry inquiry = write.Inquiry!;
        // It has begun to be rebuilt since: what is here says nothing any more.
        if (IsRebuilding && (inquiry.Heard & write.Owners.BitOf(Self)) != 0)
        {
            inquiry.Told &= ~write.Owners.BitOf(Self);
            inquiry.Sent &= ~write.Owners.BitOf(Self);
            if (!write.Owners.IsRead(inquiry.Level, inquiry.Heard))
            {
                inquiry.IsOver = false;
                Inquire(write);
                return false;
            }
        }

        if (!inquiry.Fetches && !before.Set.Clock.Descends(inquiry.Clock))
        {
            (inquiry.Fetches, inquiry.IsOver, inquiry.Sent) = (true, false, SaysAll(write.Owners));
            Inquire(write);
            return false;
        }

        before = before.Merge(inquiry.Found);
        write.Inquiry = null;
        return true;
    }

    private void FlushAsks(Effects effects)
    {
        foreach ((ReplicaId to, List<AskedKey> keys) in _asks)
        {
            foreach (List<AskedKey> some in InParts(keys, static key => key.EncodedSize))
                Tell(to, new Ask(some), effects);
        }

        _asks.Clear();
        if (_known.Count == 0)
            return;
        List<(WriteOperation, QuorumRequest)> known = _known;
        _known = [];
        CoordinateAll(known, effects);
    }
}
