using Akka.Actor;
using Akka.Cluster;
using Akka.DistributedData;
using static ActorRepl.EngineParity.DistributedDataCluster;

namespace ActorRepl.EngineParity;

/// <summary>What Akka.DistributedData's documentation promises of a node's own replica.</summary>
public sealed class DistributedDataSpec
{
    private static readonly GCounterKey Views = new("views");
    private static readonly ORSetKey<string> Tags = new("tags");
    private static readonly GSetKey<string> Words = new("words");

    [Fact]
    public async Task A_value_is_found_once_it_was_updated()
    {
        await using var cluster = await StartAsync(1);
        var missing = await cluster.AskAsync<NotFound>(0, Dsl.Get(Views, ReadLocal.Instance, "request 1"));
        Assert.Equal(Views, missing.Key);
        Assert.Equal("request 1", missing.Request);
        Assert.False(missing.IsFound);

        var updated = await cluster.AskAsync<UpdateSuccess>(0, Dsl.Update(Views, GCounter.Empty, WriteLocal.Instance, "request 2", views => views.Increment(cluster.Address(0), 3)));
        Assert.Equal(Views, updated.Key);
        Assert.Equal("request 2", updated.Request);

        var found = await cluster.AskAsync<GetSuccess>(0, Dsl.Get(Views, ReadLocal.Instance, "request 3"));
        Assert.Equal("request 3", found.Request);
        Assert.Equal(3UL, found.Get(Views).Value);
        Assert.Throws<InvalidCastException>(() => found.Get(new FlagKey("views")));
        Assert.Null(await cluster.LocalAsync(0, new GCounterKey("other")));
        Assert.Equal(["views"], (await cluster.AskAsync<GetKeysIdsResult>(0, Dsl.GetKeyIds)).Keys);
    }

    [Fact]
    public async Task Any_consistency_but_a_number_is_met_by_a_node_alone()
    {
        await using var cluster = await StartAsync(1);
        foreach (IWriteConsistency consistency in (IWriteConsistency[])[new WriteMajority(Limit), new WriteAll(Limit)])
            await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)), consistency);
        foreach (IReadConsistency consistency in (IReadConsistency[])[new ReadMajority(Limit), new ReadAll(Limit)])
            Assert.Equal(2UL, (await cluster.AskAsync<GetSuccess>(0, Dsl.Get(Views, consistency))).Get(Views).Value);
        Assert.Throws<ArgumentException>(() => new WriteTo(1, Limit));
    }

    [Fact]
    public async Task What_an_update_hands_back_is_merged_into_what_is_there()
    {
        await using var cluster = await StartAsync(1);
        var other = new UniqueAddress(cluster.Address(0).Address, 1);
        await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(0), "a"));
        await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, _ => ORSet.Create(other, "b"));
        await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(0), "c").Merge(ORSet.Create(other, "d")));
        Assert.Equal(["a", "c", "d"], (await cluster.LocalAsync(0, Tags))!.Elements.Order());
    }

    [Fact]
    public async Task An_update_that_fails_changes_nothing()
    {
        await using var cluster = await StartAsync(1);
        await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)));

        var failure = await cluster.AskAsync<ModifyFailure>(0, Dsl.Update(
            Views, GCounter.Empty, WriteLocal.Instance, "the request", _ => throw new InvalidOperationException("no")));

        Assert.Equal("no", failure.Cause.Message);
        Assert.Equal("the request", failure.Request);
        Assert.Throws<InvalidOperationException>(failure.ThrowOnFailure);
        Assert.Equal(1UL, (await cluster.LocalAsync(0, Views))!.Value);
    }

    [Fact]
    public async Task A_deletion_is_final()
    {
        await using var cluster = await StartAsync(1);
        await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)));
        Assert.Equal(new DeleteSuccess(Views, "r"), await cluster.AskAsync<object>(0, Dsl.Delete(Views, WriteLocal.Instance, "r")));

        Assert.Equal(new DataDeleted(Views, "g"), await cluster.AskAsync<object>(0, Dsl.Get(Views, ReadLocal.Instance, "g")));
        Assert.IsType<DataDeleted>(await cluster.AskAsync<object>(0, Dsl.Update(Views, GCounter.Empty, WriteLocal.Instance, views => views)));
        Assert.IsType<DataDeleted>(await cluster.AskAsync<object>(0, Dsl.Delete(Views, WriteLocal.Instance)));
        Assert.Empty((await cluster.AskAsync<GetKeysIdsResult>(0, Dsl.GetKeyIds)).Keys);

        // A key that never had a value can be deleted, too.
        Assert.IsType<DeleteSuccess>(await cluster.AskAsync<object>(0, Dsl.Delete(Tags, WriteLocal.Instance)));
        Assert.IsType<DataDeleted>(await cluster.AskAsync<object>(0, Dsl.Get(Tags, ReadLocal.Instance)));
    }

    [Fact]
    public async Task A_subscriber_is_told_of_the_value_of_changes_and_of_the_deletion()
    {
        await using var cluster = await StartAsync(1);
        var early = cluster[0].Record();
        cluster.Replicator(0).Tell(Dsl.Subscribe(Views, early.Ref));
        await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)));
        var first = await early.NextAsync<Changed>();
        Assert.Equal(Views, first.Key);
        Assert.Equal(1UL, first.Get(Views).Value);
        Assert.Throws<ArgumentException>(() => first.Get(new GCounterKey("other")));

        var late = cluster[0].Record();
        cluster.Replicator(0).Tell(Dsl.Subscribe(Views, late.Ref));
        Assert.Equal(1UL, (await late.NextAsync<Changed>()).Get(Views).Value);

        // What does not change the value is no change; several changes may be told as one.
        await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views);
        await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)));
        await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)));
        foreach (var recorder in new[] { early, late })
            await recorder.FishAsync<Changed>(changed => changed.Get(Views).Value == 3);
        Assert.Empty(early.Rest());

        await cluster.AskAsync<DeleteSuccess>(0, Dsl.Delete(Views, WriteLocal.Instance));
        Assert.Equal(Views, (await early.NextAsync<DataDeleted>()).Key);
    }

    [Fact]
    public async Task Who_unsubscribed_or_stopped_is_told_nothing()
    {
        await using var cluster = await StartAsync(1);
        var stays = cluster[0].Record();
        var leaves = cluster[0].Record();
        cluster.Replicator(0).Tell(Dsl.Subscribe(Tags, leaves.Ref));
        await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(0), "a"));
        await leaves.NextAsync<Changed>();

        cluster.Replicator(0).Tell(Dsl.Unsubscribe(Tags, leaves.Ref));
        cluster.Replicator(0).Tell(Dsl.Subscribe(Tags, stays.Ref));
        await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(0), "b"));
        await stays.FishAsync<Changed>(changed => changed.Get(Tags).Contains("b"));
        Assert.Empty(leaves.Rest());
    }

    [Fact]
    public async Task FlushChanges_tells_subscribers_at_once()
    {
        await using var cluster = await StartAsync(1, "akka.cluster.distributed-data.notify-subscribers-interval = 1 h");
        var subscriber = cluster[0].Record();
        cluster.Replicator(0).Tell(Dsl.Subscribe(Views, subscriber.Ref));
        cluster.Replicator(0).Tell(FlushChanges.Instance);
        await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)));
        Assert.Empty(subscriber.Rest());
        cluster.Replicator(0).Tell(FlushChanges.Instance);
        Assert.Equal(1UL, (await subscriber.NextAsync<Changed>()).Get(Views).Value);
    }

    [Fact]
    public async Task The_extension_has_tasks_for_what_the_messages_do()
    {
        await using var cluster = await StartAsync(1);
        var data = DistributedData.Get(cluster[0].System);
        Assert.Same(data, cluster[0].System.DistributedData());
        Assert.False(data.IsTerminated);
        Assert.Null(await data.GetAsync(Words));

        await data.UpdateAsync(Words, GSet.Create("a"), WriteLocal.Instance);
        await data.UpdateAsync(Words, GSet.Create("b"), WriteLocal.Instance);
        Assert.Equal(["a", "b"], (await data.GetAsync(Words)).Elements.Order());
        Assert.Equal(["words"], await data.GetKeysAsync());

        await data.DeleteAsync(Words, WriteLocal.Instance);
        await Assert.ThrowsAsync<DataDeletedException>(() => data.GetAsync(Words));
        await Assert.ThrowsAsync<DataDeletedException>(() => data.UpdateAsync(Words, GSet<string>.Empty, WriteLocal.Instance));
    }

    [Fact]
    public async Task Only_members_with_the_role_have_a_replica()
    {
        const string OnlyData = "akka.cluster.distributed-data.role = data\n";
        await using var cluster = await StartAsync(1, OnlyData + "akka.cluster.roles = [data]");
        await cluster.JoinAsync(OnlyData + "akka.cluster.roles = [front]");
        await cluster.JoinAsync(OnlyData + "akka.cluster.roles = [data, front]");

        await cluster.CountAsync(0, 2);
        await cluster.CountAsync(2, 2);
        Assert.True(DistributedData.Get(cluster[1].System).IsTerminated);
        await cluster.UpdateAsync(2, Views, GCounter.Empty, views => views.Increment(cluster.Address(2)), new WriteAll(Limit));
        Assert.Equal(1UL, (await cluster.LocalAsync(0, Views))!.Value);
    }
}
