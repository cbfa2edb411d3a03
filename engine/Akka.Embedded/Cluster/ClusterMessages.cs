#nullable enable
using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Remote;
using Akka.Serialization;

namespace Akka.Cluster
{
    /// <summary>Marks what cluster nodes send each other.</summary>
    public interface IClusterMessage;

    /// <summary>Messages of the protocol. They overtake others in the outbound queue, and losing one is nothing to report.</summary>
    internal abstract record ClusterMessage : IClusterMessage, IUrgentMessage, IDeadLetterSuppression;

    /// <summary>Is the receiver in a cluster that can be joined?</summary>
    internal sealed record InitJoin : ClusterMessage;

    /// <summary>It is.</summary>
    internal sealed record InitJoinAck(Address Address) : ClusterMessage;

    /// <summary>It is not, yet.</summary>
    internal sealed record InitJoinNack(Address Address) : ClusterMessage;

    /// <summary>The sender wants to become a member.</summary>
    internal sealed record Join(UniqueAddress Node, ImmutableHashSet<string> Roles) : ClusterMessage;

    /// <summary>It has become one, in status joining.</summary>
    internal sealed record Welcome(UniqueAddress From, Gossip Gossip) : ClusterMessage;

    /// <summary>The state, from one member to another.</summary>
    internal sealed record GossipEnvelope(UniqueAddress From, UniqueAddress To, Gossip Gossip) : ClusterMessage;

    /// <summary>The sender is up.</summary>
    internal sealed record Heartbeat(UniqueAddress From) : ClusterMessage;

    /// <summary>The leaving member has finished and can be removed.</summary>
    internal sealed record ExitingConfirmed(UniqueAddress Node) : ClusterMessage;
}

namespace Akka.Cluster.Serialization
{
    /// <summary>The cluster's messages in bytes.</summary>
    public class ClusterMessageSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
    {
        public override string Manifest(object o) => o switch
        {
            InitJoin => "IJ",
            InitJoinAck => "IJA",
            InitJoinNack => "IJN",
            Join => "J",
            Welcome => "W",
            GossipEnvelope => "GE",
            Heartbeat => "HB",
            ExitingConfirmed => "EC",
            _ => throw new ArgumentException($"cannot serialize {o.GetType()}"),
        };

        public override byte[] ToBinary(object obj)
        {
            using var stream = new MemoryStream();
            using var to = new BinaryWriter(stream);
            switch (obj)
            {
                case InitJoin: break;
                case InitJoinAck ack: to.Write(ack.Address.ToString()); break;
                case InitJoinNack nack: to.Write(nack.Address.ToString()); break;
                case Heartbeat heartbeat: Write(to, heartbeat.From); break;
                case ExitingConfirmed confirmed: Write(to, confirmed.Node); break;
                case Join join:
                    Write(to, join.Node);
                    WriteAll(to, join.Roles, to.Write);
                    break;
                case Welcome welcome:
                    Write(to, welcome.From);
                    Write(to, welcome.Gossip);
                    break;
                case GossipEnvelope envelope:
                    Write(to, envelope.From);
                    Write(to, envelope.To);
                    Write(to, envelope.Gossip);
                    break;
                default: throw new ArgumentException($"cannot serialize {obj.GetType()}");
            }
            return stream.ToArray();
        }

        public override object FromBinary(byte[] bytes, string manifest)
        {
            using var from = new BinaryReader(new MemoryStream(bytes));
            return manifest switch
            {
                "IJ" => new InitJoin(),
                "IJA" => new InitJoinAck(Address.Parse(from.ReadString())),
                "IJN" => new InitJoinNack(Address.Parse(from.ReadString())),
                "J" => new Join(ReadNode(from), [.. ReadAll(from, from.ReadString)]),
                "W" => new Welcome(ReadNode(from), ReadGossip(from)),
                "GE" => new GossipEnvelope(ReadNode(from), ReadNode(from), ReadGossip(from)),
                "HB" => new Heartbeat(ReadNode(from)),
                "EC" => new ExitingConfirmed(ReadNode(from)),
                _ => throw new ArgumentException($"unknown manifest '{manifest}'"),
            };
        }

        private static void Write(BinaryWriter to, UniqueAddress node)
        {
            to.Write(node.Address.ToString());
            to.Write(node.Uid);
        }

        private static UniqueAddress ReadNode(BinaryReader from) => new(Address.Parse(from.ReadString()), from.ReadInt32());

        private static void Write(BinaryWriter to, Gossip gossip)
        {
            WriteAll(to, gossip.Members, member =>
            {
                Write(to, member.UniqueAddress);
                to.Write((byte)member.Status);
                to.Write(member.UpNumber);
                WriteAll(to, member.Roles, to.Write);
            });
            WriteAll(to, gossip.Observations, observation =>
            {
                Write(to, observation.Key);
                to.Write(observation.Value.Version);
                WriteAll(to, observation.Value.Unreachable, node => Write(to, node));
            });
            WriteAll(to, gossip.Tombstones, tombstone =>
            {
                Write(to, tombstone.Key);
                to.Write(tombstone.Value);
            });
            WriteAll(to, gossip.Seen, node => Write(to, node));
        }

        private static Gossip ReadGossip(BinaryReader from) => new(
            [.. ReadAll(from, () => ReadMember(from))],
            ReadAll(from, () => KeyValuePair.Create(
                ReadNode(from), new Observation(from.ReadInt64(), [.. ReadAll(from, () => ReadNode(from))]))).ToImmutableDictionary(),
            ReadAll(from, () => KeyValuePair.Create(ReadNode(from), from.ReadInt64())).ToImmutableDictionary(),
            [.. ReadAll(from, () => ReadNode(from))]);

        private static Member ReadMember(BinaryReader from)
        {
            var node = ReadNode(from);
            var status = (MemberStatus)from.ReadByte();
            int upNumber = from.ReadInt32();
            return new Member(node, upNumber, status, [.. ReadAll(from, from.ReadString)]);
        }

        private static void WriteAll<T>(BinaryWriter to, IReadOnlyCollection<T> items, Action<T> write)
        {
            to.Write7BitEncodedInt(items.Count);
            foreach (var item in items)
                write(item);
        }

        private static List<T> ReadAll<T>(BinaryReader from, Func<T> read)
        {
            int count = from.Read7BitEncodedInt();
            var items = new List<T>();
            for (int i = 0; i < count; i++)
                items.Add(read());
            return items;
        }
    }
}
