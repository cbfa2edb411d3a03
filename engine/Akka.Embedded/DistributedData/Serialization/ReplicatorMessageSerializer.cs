using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using Akka.DistributedData.Replication;
using Akka.Serialization;

namespace Akka.DistributedData.Serialization;

/// <summary>What replicas send each other, in bytes.</summary>
public sealed class ReplicatorMessageSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    public override string Manifest(object o) => o switch
    {
        Digests => "D",
        Wanted => "N",
        GossipValues => "G",
        ReadRequest => "R",
        ReadResult => "RR",
        WriteRequest => "W",
        WriteResult => "WR",
        DeltaPropagation => "DP",
        _ => throw new ArgumentException($"cannot serialize {o.GetType()}: a replicator of the embedded engine is spoken to on its own node"),
    };

    public override byte[] ToBinary(object obj)
    {
        using var to = new DataWriter(system);
        to.Node(((ReplicaMessage)obj).From);
        switch (obj)
        {
            case Digests digests:
                to.Count(digests.Chunk);
                to.Number(digests.Chunks);
                to.Count(digests.Of.Count);
                foreach ((string key, byte[] digest) in digests.Of)
                {
                    to.Text(key);
                    to.Bytes(digest);
                }

                break;
            case Wanted wanted:
                to.Count(wanted.Keys.Count);
                wanted.Keys.ForEach(to.Text);
                break;
            case GossipValues gossip:
                to.Count(gossip.SendBack ? 1 : 0);
                to.Count(gossip.Values.Count);
                foreach ((string key, DataEnvelope envelope) in gossip.Values)
                {
                    to.Text(key);
                    Write(to, envelope);
                }

                break;
            case ReadRequest read:
                to.Number(read.Operation);
                to.Text(read.Key);
                break;
            case ReadResult result:
                to.Number(result.Operation);
                to.Count(result.Envelope is null ? 0 : 1);
                if (result.Envelope is not null) Write(to, result.Envelope);
                break;
            case WriteRequest write:
                to.Number(write.Operation);
                to.Text(write.Key);
                Write(to, write.Envelope);
                break;
            case WriteResult result:
                to.Number(result.Operation);
                to.Count((int)result.Outcome);
                break;
            case DeltaPropagation propagation:
                to.Number(propagation.Operation);
                to.Count(propagation.Deltas.Count);
                foreach (Delta delta in propagation.Deltas)
                {
                    to.Text(delta.Key);
                    Write(to, delta.Envelope);
                    to.Number(delta.FirstVersion);
                    to.Number(delta.LastVersion);
                }

                break;
        }

        return to.ToArray();
    }

    public override object FromBinary(byte[] bytes, string manifest)
    {
        using var from = new DataReader(bytes, system);
        UniqueAddress node = from.Node();
        switch (manifest)
        {
            case "D":
                int chunk = from.Count(), chunks = (int)from.Number();
                return new Digests(node, ReadMap(from, () => from.Bytes(Replicator.DigestSize)), chunk, chunks);
            case "N": return new Wanted(node, ReadList(from, from.Text));
            case "G":
                bool sendBack = from.Count() > 0;
                return new GossipValues(node, ReadMap(from, () => ReadEnvelope(from)), sendBack);
            case "R": return new ReadRequest(node, from.Number(), from.Text());
            case "RR": return new ReadResult(node, from.Number(), from.Count() > 0 ? ReadEnvelope(from) : null);
            case "W": return new WriteRequest(node, from.Number(), from.Text(), ReadEnvelope(from));
            case "WR": return new WriteResult(node, from.Number(), (WriteOutcome)from.Count());
            case "DP":
                return new DeltaPropagation(node, from.Number(), ReadList(from, () =>
                    new Delta(from.Text(), ReadEnvelope(from), from.Number(), from.Number())));
            default: throw new ArgumentException($"unknown manifest '{manifest}'");
        }
    }

    /// <summary>The value in the bytes that tell it from any other: equal values give equal bytes on every node.</summary>
    internal static byte[] Canonical(DataEnvelope envelope, ExtendedActorSystem system)
    {
        using var to = new DataWriter(system);
        WriteValue(to, envelope);
        return to.ToArray();
    }

    private static void Write(DataWriter to, DataEnvelope envelope)
    {
        WriteValue(to, envelope);
        envelope.DeltaVersions.Write(to);
    }

    private static void WriteValue(DataWriter to, DataEnvelope envelope)
    {
        to.Message(envelope.Data);
        to.Count(envelope.Pruning.Count);
        foreach ((UniqueAddress removed, PruningState state) in envelope.Pruning.OrderBy(entry => entry.Key))
        {
            to.Node(removed);
            if (state is PruningDone done)
            {
                to.Count(1);
                to.Number(done.ObsoleteAt.Ticks);
                continue;
            }

            var started = (PruningStarted)state;
            to.Count(0);
            to.Node(started.Owner);
            to.Count(started.Seen.Count);
            foreach (Address seen in started.Seen.Order()) to.Text(seen.ToString());
        }
    }

    private static DataEnvelope ReadEnvelope(DataReader from)
    {
        var data = (IReplicatedData)from.Message();
        var pruning = ImmutableDictionary.CreateBuilder<UniqueAddress, PruningState>();
        for (int left = from.Count(); left > 0; left--)
        {
            UniqueAddress removed = from.Node();
            pruning[removed] = from.Count() > 0
                ? new PruningDone(new DateTime(from.Number(), DateTimeKind.Utc))
                : new PruningStarted(from.Node(), [.. ReadList(from, () => Address.Parse(from.Text()))]);
        }

        return new(data, pruning.ToImmutable(), VersionVector.Read(from));
    }

    private static List<T> ReadList<T>(DataReader from, Func<T> read)
    {
        var items = new List<T>();
        for (int left = from.Count(); left > 0; left--) items.Add(read());
        return items;
    }

    private static Dictionary<string, T> ReadMap<T>(DataReader from, Func<T> read)
    {
        var items = new Dictionary<string, T>();
        for (int left = from.Count(); left > 0; left--) items.Add(from.Text(), read());
        return items;
    }
}
