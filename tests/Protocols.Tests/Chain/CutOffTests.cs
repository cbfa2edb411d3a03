using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Chain;

/// <summary>A head that hears nobody for a while, and then again.</summary>
public class CutOffTests
{
    [Fact]
    public void A_head_that_was_cut_off_for_a_moment_has_every_command_asked_again_and_refuses_none_for_good()
    {
        var cluster = new ChainCluster(3);
        ChainNode head = cluster.Ready();
        Assert.Equal("a", cluster.Write("a"));
        cluster.ControlWorks = false;
        foreach (int link in (int[])[2, 3])
            cluster.Cut(link, 1);
        cluster.Run(ChainOptions.Default.HeartbeatMicros * (ChainOptions.Default.DeadAfterBeats + 4));
        cluster.Heal();
        var refused = new List<Rejection>();
        for (int i = 0; i < 1000; i++)
        {
            long command = head.Command($"{i}");
            cluster.Run(Instant.Millisecond);
            if (head.Rejections.TryGetValue(command, out Rejection why))
                refused.Add(why);
        }

        Assert.NotEmpty(refused);
        Assert.All(refused, why => Assert.True(why is { Reason: RejectReason.Unavailable, OutcomeUnknown: false }, why.ToString()));
    }
}
