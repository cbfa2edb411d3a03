using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Tests.Log;

/// <summary>A replica whose members follow views that a control group installs.</summary>
internal abstract class ViewedNode(ViewedReplica replica, RecoveredState? recovered, long now) : LogNode(replica, recovered, now)
{
    public ViewedReplica Viewed => replica;
    public long WallOffset { get; set; } = 1_000_000_000;

    /// <summary>True for the one replica of an epoch that may take commands.</summary>
    public abstract bool Leads { get; }
    public List<(long Expected, ReadOnlyMemory<byte> View)> Proposals { get; } = [];

    /// <summary>It has asked which view is in force, and was not answered.</summary>
    public bool AsksForView { get; set; }

    protected override long WallNow => Now + WallOffset;
    protected override long Patience => 30 * Instant.Second;

    public long Command(string payload, WriteConcern concern = default, long? deadline = null) =>
        Ask(Request(RequestKind.Command, Encoding.UTF8.GetBytes(payload), deadline) with { Concern = concern });

    public long Read(RequestKind kind = RequestKind.Read, long? deadline = null, LogPosition atLeast = default, long staleness = 0, string key = "a") =>
        Ask(Request(kind, Encoding.UTF8.GetBytes(key), deadline) with { AtLeast = atLeast, MaxStaleness = staleness });

    public long Transfer(int to, long? deadline = null, bool force = false) =>
        Ask(Request(RequestKind.Transfer, force ? TransferOrder.Forced(new ReplicaId(to)) : TransferOrder.To(new ReplicaId(to)), deadline));

    protected override void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case Effect.ProposeView propose:
                Proposals.Add((propose.ExpectedEpoch, propose.View));
                break;
            case Effect.AskView:
                AsksForView = true;
                break;
            default:
                if (effect is Effect.Apply apply && Applied.Count > 0)
                    Assert.Equal(Applied[^1].Index + 1, apply.Batch.FirstIndex);
                base.CarryOut(effect);
                break;
        }
    }
}
