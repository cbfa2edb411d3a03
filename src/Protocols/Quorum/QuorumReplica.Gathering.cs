using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Writes for which the coordinator's own copy is enough (<c>One</c>, <c>Any</c>): nobody waits for the other owners, so that what is for them travels together, some milliseconds' worth in a
/// message, and is one record there and one acknowledgement. What others wait for is never gathered, and goes past it.
/// <para>
/// Nothing is promised by what lies here: it is on the coordinator's disk, as what is on its way is, and a crash costs what a lost message costs (read repair and anti-entropy bring it).
/// An owner that is away is seen as ever: nothing is gathered then, and hints come after their time.
/// </para>
/// </summary>
public sealed partial class QuorumReplica
{
    private readonly SortedDictionary<ReplicaId, List<Parcel>> _gathered = [];
    private long _gatheredBytes;

    private bool IsOwnEnough(QuorumRequest request, ConsistencyLevel level, KeyOwners owners) =>
        request.DurableAcks <= 1 && owners.IsWritten(level, owners.BitOf(Self));

    private void Gather(ReplicaId owner, WriteOperation write, in Instant now, Effects effects)
    {
        var parcel = new Parcel(write.Token, default, write.Key, write.Versions);
        // All shards of a node at the same moments: what they send travels together, and is one sync there.
        if (_gathered.Count == 0)
            Arm(Gathered, _options.GatherMicros - now.Monotonic % _options.GatherMicros, effects);
        AddTo(_gathered, owner, parcel);
        _gatheredBytes += parcel.EncodedSize;
        if (_gatheredBytes >= _options.MaxMessageBytes)
            SendGathered();
    }

    /// <summary>With what else this step sends, once all of it is durable here.</summary>
    private void SendGathered()
    {
        foreach ((ReplicaId owner, List<Parcel> parcels) in _gathered)
        {
            foreach (Parcel parcel in parcels)
                AddTo(_puts, owner, parcel);
        }

        _gathered.Clear();
        _gatheredBytes = 0;
    }
}
