using System.Collections.Concurrent;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>
/// A protocol that does nothing of its own: it proposes the view and sets aside the entries that a command names, and notes what it is told.
/// </summary>
internal sealed class ViewingProtocol : IProtocolFactory
{
    private readonly ConcurrentDictionary<ReplicaId, ConcurrentQueue<string>> _told = [];

    public string Name => "viewing";

    /// <summary>The views a replica was told of since the test began, in order, as <c>epoch:view</c>.</summary>
    public string[] ToldTo(ReplicaId replica) => _told.TryGetValue(replica, out ConcurrentQueue<string>? told) ? [.. told] : [];

    /// <summary>A command that has a view proposed on top of an epoch.</summary>
    public static byte[] Propose(long expectedEpoch, string view) => KeyValue.Bytes($"{expectedEpoch}:{view}");

    /// <summary>A command that has an entry with this text set aside.</summary>
    public static byte[] Lose(string text) => KeyValue.Bytes($"lose:{text}");

    public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) =>
        new Replica(self, replicas[0], _told.GetOrAdd(self, _ => []));

    private sealed class Replica(ReplicaId self, ReplicaId leader, ConcurrentQueue<string> told) : IProtocol
    {
        public ReplicaId Self => self;

        public ReplicaStatus Status => new(self == leader ? "leader" : "follower", 1, leader, 0, 0, 0, 0, true);

        public void Step(Input input, in Instant now, Effects effects)
        {
            switch (input)
            {
                case Input.ViewChanged changed:
                    told.Enqueue($"{changed.Epoch}:{System.Text.Encoding.UTF8.GetString(changed.View.Span)}");
                    break;
                case Input.Requests requests:
                    foreach (ClientRequest request in requests.Batch)
                        Take(request, effects);
                    break;
            }
        }

        private static void Take(in ClientRequest request, Effects effects)
        {
            // Behind the envelope of a command of no session.
            string command = System.Text.Encoding.UTF8.GetString(request.Payload.Span[1..]);
            int colon = command.IndexOf(':');
            string what = command[..colon], view = command[(colon + 1)..];
            if (long.TryParse(what, out long epoch))
                effects.Add(new Effect.ProposeView(epoch, KeyValue.Bytes(view)));
            else if (what == "lose")
                effects.Add(new Effect.SetAside([EntryBatch.Pack(EntryKind.Command, 7, 3, 0, [KeyValue.Bytes(view)])], "another took over"));
            effects.Add(new Effect.Reply(request.Id, default));
        }

        public PeerMessage Decode(ReadOnlyMemory<byte> bytes) => throw new InvalidDataException("it has no messages");
    }
}
