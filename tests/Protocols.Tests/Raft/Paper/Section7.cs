using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Section 7, log compaction: what <see cref="CheckpointTests"/> does not say yet.</summary>
public class Section7
{
    private static readonly RaftOptions Small = new() { CheckpointEntries = 4, KeepEntries = 0, KeepBytes = 0 };

    private static RaftNode Compacted()
    {
        RaftNode follower = new RaftNode(1, 3, Small).Start();
        follower.Receive(2, Given.Append(2, 0, 0, 4, 1, 1, 2, 2, 2));
        Assert.Equal(4, follower.Saved!.Index);
        follower.Sent.Clear();
        return follower;
    }

    [Fact]
    public void Each_server_takes_snapshots_independently_covering_just_the_committed_entries_in_its_log()
    {
        RaftNode follower = Compacted();
        Assert.Equal((4L, 5L), (follower.Saved!.Index, follower.Status.LastIndex));
        Assert.Equal(["1@1", "2@1", "3@2", "4@2"], follower.SavedState.Select(entry => entry.Command));
    }

    [Fact]
    public void The_last_included_index_and_term_are_preserved_to_support_the_consistency_check_for_the_first_log_entry_following_the_snapshot()
    {
        RaftNode again = new RaftNode(1, 3, Small, Compacted().Recover()).Start();
        Assert.Equal((4L, 2L), (again.Saved!.Index, again.Saved.Term));
        again.Receive(2, Given.Append(2, 4, 2, 4, 2, 2));
        Assert.True(again.TakeOne<AppendReply>() is { Success: true, Index: 6 });
        again.Receive(2, Given.Append(3, 7, 3, 4, 3));
        Assert.False(again.TakeOne<AppendReply>().Success);
    }

    [Fact]
    public void The_snapshot_also_includes_the_latest_configuration_in_the_log_as_of_last_included_index()
    {
        RaftNode follower = new RaftNode(1, 3, Small).Start();
        RaftConfiguration grown = new(Desk.Ids(1, 2, 3, 4));
        follower.Receive(2, new AppendRequest(1, 0, 0, 4, [Given.Batch(1, 1), Desk.Entry(2, 1, grown), Given.Batch(3, 1, 2)]));
        Assert.Equal(4, follower.Saved!.Index);
        Assert.Equal(grown.ToString(), RaftConfiguration.Decode(follower.Saved.Configuration).ToString());
        Assert.Equal(Desk.Voters(1, 2, 3, 4), new RaftNode(1, 3, Small, follower.Recover()).Start().Status.Members);
    }

    [Fact]
    public void Once_a_server_completes_writing_a_snapshot_it_may_delete_all_log_entries_up_through_the_last_included_index()
    {
        RaftNode follower = Compacted();
        RecoveredState recovered = follower.Recover();
        Assert.Equal((5L, 5L), (recovered.Log[0].FirstIndex, recovered.Log[^1].LastIndex));
    }

    [Fact]
    public void A_vote_after_compaction_still_compares_with_the_last_entry_even_if_it_is_in_the_snapshot()
    {
        RaftNode follower = new RaftNode(1, 3, Small).Start();
        follower.Receive(2, Given.Append(2, 0, 0, 4, 1, 1, 2, 2));
        RaftNode again = new RaftNode(1, 3, Small, follower.Recover()).Start();
        again.Receive(3, Given.Vote(5, 3, 2));
        Assert.False(again.TakeOne<VoteReply>().Granted);
        again.Receive(2, Given.Vote(5, 4, 2));
        Assert.True(again.TakeOne<VoteReply>().Granted);
    }

    // Figure 13, InstallSnapshot 1: there is nothing to answer here, the leader learns the later term from its heartbeats' answers.
    [Fact]
    public void If_term_is_less_than_current_term_no_snapshot_is_installed()
    {
        RaftNode follower = Desk.Follower(5, 1, 5);
        follower.Receive(2, new CheckpointOffer(4, 30, 4));
        Assert.Null(follower.Fetching);
        follower.Receive(2, new CheckpointOffer(5, 30, 4));
        Assert.NotNull(follower.Fetching);
    }
}
