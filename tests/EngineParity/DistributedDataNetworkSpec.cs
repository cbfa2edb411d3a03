using Akka.Actor;
using Akka.Cluster;
using Akka.DistributedData;
using static ActorRepl.EngineParity.DistributedDataCluster;

namespace ActorRepl.EngineParity;

/// <summary>What Akka.DistributedData's documentation promises of replicas on several nodes.</summary>
public sealed class DistributedDataNetworkSpec
{
    private static readonly GCounterKey Views = new("views");
    private static readonly ORSetKey<string> Tags = new("tags");
    private static readonly ScriptKey Script = new("script");

    [Fact]
    public async Task Local_updates_of_all_nodes_converge()
    {
        await using var cluster = await StartAsync(3);
        for (int i = 0; i < 60; i++)
        {
            int node = i % 3;
            await cluster.UpdateAsync(node, Views, GCounter.Empty, views => views.Increment(cluster.Address(node)));
            await cluster.UpdateAsync(node, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(node), $"tag {i}"));
        }

        await cluster.AgreeAsync(Views, views => views.Value == 60, 0, 1, 2);
        await cluster.AgreeAsync(Tags, tags => tags.Count == 60, 0, 1, 2);
        await cluster.UpdateAsync(1, Tags, ORSet<string>.Empty, tags => tags.Remove(cluster.Address(1), "tag 0"));
        await cluster.AgreeAsync(Tags, tags => tags.Count == 59 && !tags.Contains("tag 0"), 0, 1, 2);
    }

    [Theory]
    [InlineData("all")]
    [InlineData("to 3")]
    public async Task A_write_to_all_is_everywhere_when_it_is_answered(string level)
    {
        // Nothing but the write itself spreads the value.
        await using var cluster = await StartAsync(3, "akka.cluster.distributed-data.gossip-interval = 1 h");
        IWriteConsistency consistency = level == "all" ? new WriteAll(Limit) : new WriteTo(3, Limit);
        for (uint i = 1; i <= 5; i++)
        {
            await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)), consistency);
            await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(0), $"tag {i}"), consistency);
            foreach (int node in new[] { 1, 2 })
            {
                Assert.Equal(i, (await cluster.LocalAsync(node, Views))!.Value);
                Assert.Equal((int)i, (await cluster.LocalAsync(node, Tags))!.Count);
            }
        }
    }

    [Fact]
    public async Task A_majority_reads_what_a_majority_wrote_and_repairs_the_reader()
    {
        await using var cluster = await StartAsync(3, "akka.cluster.distributed-data.gossip-interval = 1 h");
        for (uint i = 1; i <= 4; i++)
        {
            await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)), new WriteMajority(Limit));
            foreach (int node in new[] { 1, 2 })
            {
                var read = await cluster.AskAsync<GetSuccess>(node, Dsl.Get(Views, new ReadMajority(Limit)));
                Assert.Equal(i, read.Get(Views).Value);
                Assert.Equal(i, (await cluster.LocalAsync(node, Views))!.Value);
            }
        }
    }

    [Fact]
    public async Task A_read_of_all_finds_what_one_has_and_nothing_where_none_has()
    {
        await using var cluster = await StartAsync(3, "akka.cluster.distributed-data.gossip-interval = 1 h");
        Assert.Equal(Views, (await cluster.AskAsync<NotFound>(0, Dsl.Get(Views, new ReadAll(Limit)))).Key);
        await cluster.UpdateAsync(2, Views, GCounter.Empty, views => views.Increment(cluster.Address(2), 7));
        Assert.Null(await cluster.LocalAsync(0, Views));
        Assert.Equal(7UL, (await cluster.AskAsync<GetSuccess>(0, Dsl.Get(Views, new ReadFrom(3, Limit)))).Get(Views).Value);
        Assert.Equal(7UL, (await cluster.LocalAsync(0, Views))!.Value);
        Assert.Null(await cluster.LocalAsync(1, Views));
    }

    [Fact]
    public async Task More_replicas_than_there_are_do_not_answer()
    {
        await using var cluster = await StartAsync(2);
        var soon = TimeSpan.FromMilliseconds(500);
        var written = await cluster.AskAsync<UpdateTimeout>(0, Dsl.Update(Views, GCounter.Empty, new WriteTo(3, soon), "w", views => views.Increment(cluster.Address(0))));
        Assert.Equal("w", written.Request);
        Assert.ThrowsAny<Exception>(written.ThrowOnFailure);
        Assert.Equal(1UL, (await cluster.LocalAsync(0, Views))!.Value);

        var read = await cluster.AskAsync<GetFailure>(0, Dsl.Get(Views, new ReadFrom(3, soon), "r"));
        Assert.Equal("r", read.Request);
        Assert.True(read.IsFailure);
        Assert.IsType<ReplicationDeleteFailure>(await cluster.AskAsync<object>(0, Dsl.Delete(Views, new WriteTo(3, soon))));
        Assert.IsType<DataDeleted>(await cluster.AskAsync<object>(0, Dsl.Get(Views, ReadLocal.Instance)));
    }

    [Fact]
    public async Task A_replica_that_does_not_answer_is_missed_by_all_and_not_by_a_majority()
    {
        await using var cluster = await StartAsync(3);
        await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(0), "before"), new WriteAll(Limit));
        await cluster.Replicator(2).GracefulStop(Limit);

        var soon = TimeSpan.FromSeconds(1);
        await cluster.AskAsync<UpdateTimeout>(0, Dsl.Update(Tags, ORSet<string>.Empty, new WriteAll(soon), tags => tags.Add(cluster.Address(0), "all")));
        Assert.True((await cluster.LocalAsync(1, Tags))!.Contains("all"));
        await cluster.AskAsync<GetFailure>(0, Dsl.Get(Tags, new ReadAll(soon)));
        for (int i = 0; i < 5; i++)
        {
            string tag = $"majority {i}";
            await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(0), tag), new WriteMajority(Limit));
            Assert.True((await cluster.LocalAsync(1, Tags))!.Contains(tag));
            Assert.True((await cluster.AskAsync<GetSuccess>(1, Dsl.Get(Tags, new ReadMajority(Limit)))).Get(Tags).Contains(tag));
        }

        Assert.IsType<ReplicationDeleteFailure>(await cluster.AskAsync<object>(0, Dsl.Delete(Tags, new WriteAll(soon))));
        Assert.IsType<DataDeleted>(await cluster.AskAsync<object>(1, Dsl.Get(Tags, ReadLocal.Instance)));
    }

    [Fact]
    public async Task What_nodes_did_while_they_were_cut_off_is_merged()
    {
        await using var cluster = await StartAsync(3, behindProxies: true);
        await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(0), "a").Add(cluster.Address(0), "b"), new WriteAll(Limit));
        await PartAsync(cluster);

        // Here the deltas are lost: gossip finds what is missing. An addition wins over a removal that does not know of it.
        await cluster.UpdateAsync(0, Tags, ORSet<string>.Empty, tags => tags.Remove(cluster.Address(0), "a").Remove(cluster.Address(0), "b"));
        await cluster.UpdateAsync(1, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(1), "a"));
        await cluster.UpdateAsync(2, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(2), "c"));
        await cluster.AskAsync<UpdateTimeout>(1, Dsl.Update(
            Tags, ORSet<string>.Empty, new WriteMajority(TimeSpan.FromSeconds(1)), tags => tags.Add(cluster.Address(1), "d")));
        Assert.Equal(["a", "b", "c"], (await cluster.LocalAsync(2, Tags))!.Elements.Order());

        Mend(cluster);
        await cluster.AgreeAsync(Tags, tags => tags.Elements.Order().SequenceEqual(["a", "c", "d"]), 0, 1, 2);
    }

    [Fact]
    public async Task A_deletion_reaches_all_and_wins_over_updates_elsewhere()
    {
        await using var cluster = await StartAsync(3, behindProxies: true);
        await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)), new WriteAll(Limit));
        await PartAsync(cluster);
        await cluster.AskAsync<DeleteSuccess>(0, Dsl.Delete(Views, WriteLocal.Instance));
        await cluster.UpdateAsync(2, Views, GCounter.Empty, views => views.Increment(cluster.Address(2)));

        Mend(cluster);
        foreach (int node in new[] { 1, 2 })
            await EventuallyAsync(
                async () => await cluster.AskAsync<object>(node, Dsl.Get(Views, ReadLocal.Instance)) is DataDeleted,
                () => $"node {node} still has the value");

        // Gossip may have gone round by the third node: a read is sent once, and is lost while a connection is not back.
        await ReachAsync(cluster);
        Assert.IsType<DataDeleted>(await cluster.AskAsync<object>(0, Dsl.Get(Views, new ReadAll(Limit))));
    }

    [Fact]
    public async Task Deltas_of_a_value_of_ones_own_arrive_in_order_and_a_lost_one_is_made_up_for()
    {
        await using var cluster = await StartAsync(3, behindProxies: true);
        await WriteAsync(0, 100);
        await PartAsync(cluster);
        await WriteAsync(100, 120);
        await Task.Delay(TimeSpan.FromSeconds(1)); // Deltas are sent, and lost.
        Mend(cluster);
        await WriteAsync(120, 200);

        string[] all = [.. Enumerable.Range(0, 200).Select(line => $"line {line}")];
        await cluster.AgreeAsync(Script, script => script.Of("writer").Count == 200, 0, 1, 2);
        foreach (int node in new[] { 0, 1, 2 })
            Assert.Equal(all, (await cluster.LocalAsync(node, Script))!.Of("writer"));
        Assert.Empty(ScriptData.Misfits);

        async Task WriteAsync(int from, int to)
        {
            for (int line = from; line < to; line++)
            {
                string text = $"line {line}";
                await cluster.UpdateAsync(0, Script, ScriptData.Empty, script => script.Add("writer", text));
            }
        }
    }

    [Fact]
    public async Task Writes_of_a_value_of_ones_own_to_all_are_everywhere_at_once()
    {
        await using var cluster = await StartAsync(3, "akka.cluster.distributed-data.gossip-interval = 1 h");

        // The first is not sent to others: they lack it when they are given the delta of the second, and are given all.
        await cluster.UpdateAsync(0, Script, ScriptData.Empty, script => script.Add("writer", "local"));
        // With a long timeout: the whole is sent when the delta does not fit, not when the time comes to ask again.
        foreach (string line in (string[])["one", "two", "three"])
            await cluster.UpdateAsync(0, Script, ScriptData.Empty, script => script.Add("writer", line), new WriteAll(TimeSpan.FromHours(1)));
        foreach (int node in new[] { 1, 2 })
            Assert.Equal(["local", "one", "two", "three"], (await cluster.LocalAsync(node, Script))!.Of("writer"));
        Assert.Empty(ScriptData.Misfits);
    }

    [Fact]
    public async Task A_value_larger_than_a_frame_stays_where_it_is_and_is_in_nobodys_way()
    {
        await using var cluster = await StartAsync(2);
        var words = new GSetKey<string>("words");
        byte[] random = new byte[300_000]; // Messages may be compressed.
        new Random(1).NextBytes(random);
        string large = Convert.ToBase64String(random);
        await cluster.AskAsync<UpdateTimeout>(0, Dsl.Update(words, GSet<string>.Empty, new WriteAll(TimeSpan.FromSeconds(1)), set => set.Add(large)));
        await cluster.UpdateAsync(0, Views, GCounter.Empty, views => views.Increment(cluster.Address(0)), new WriteAll(Limit));
        Assert.Equal(1UL, (await cluster.LocalAsync(1, Views))!.Value);
        Assert.Null(await cluster.LocalAsync(1, words));
        Assert.Equal([large], (await cluster.LocalAsync(0, words))!.Elements);
    }

    [Fact]
    public async Task Dictionaries_converge_and_keep_their_type()
    {
        await using var cluster = await StartAsync(3);
        var counters = new PNCounterDictionaryKey<string>("counters");
        var names = new LWWDictionaryKey<string, string>("names");
        var lists = new ORMultiValueDictionaryKey<string, int>("lists");
        var nested = new ORDictionaryKey<string, ORSet<string>>("nested");
        for (int i = 0; i < 30; i++)
        {
            int node = i % 3, number = i;
            var self = cluster.Address(node);
            await cluster.UpdateAsync(node, counters, PNCounterDictionary<string>.Empty, map => map.Increment(self, "all").Decrement(self, $"of {node}"));
            await cluster.UpdateAsync(node, names, LWWDictionary<string, string>.Empty, map => map.SetItem(self, $"of {node}", $"{number}"));
            await cluster.UpdateAsync(node, lists, ORMultiValueDictionary<string, int>.Empty, map => map.AddItem(self, "all", number));
            await cluster.UpdateAsync(node, nested, ORDictionary<string, ORSet<string>>.Empty, map =>
                map.AddOrUpdate(self, "all", ORSet<string>.Empty, set => set.Add(self, $"{number}")));
        }

        await cluster.AgreeAsync(counters, map => map.Count == 4 && map["all"] == 30 && map["of 1"] == -10, 0, 1, 2);
        await cluster.AgreeAsync(names, map => map.Count == 3 && map["of 0"] == "27" && map["of 2"] == "29", 0, 1, 2);
        await cluster.AgreeAsync(lists, map => map.Count == 1 && map["all"].Count == 30, 0, 1, 2);
        await cluster.AgreeAsync(nested, map => map.Count == 1 && map["all"].Count == 30, 0, 1, 2);
        await cluster.UpdateAsync(1, lists, ORMultiValueDictionary<string, int>.Empty, map => map.Remove(cluster.Address(1), "all"), new WriteAll(Limit));
        Assert.True((await cluster.LocalAsync(2, lists))!.IsEmpty);
    }

    [Fact]
    public async Task A_new_member_is_given_all_values()
    {
        await using var cluster = await StartAsync(2, "akka.cluster.distributed-data.max-delta-elements = 10");
        for (int i = 0; i < 45; i++)
            await cluster.UpdateAsync(i % 2, new GCounterKey($"views {i}"), GCounter.Empty, views => views.Increment(cluster.Address(i % 2)));
        await cluster.JoinAsync("akka.cluster.distributed-data.max-delta-elements = 10");

        await EventuallyAsync(
            async () => (await cluster.AskAsync<GetKeysIdsResult>(2, Dsl.GetKeyIds)).Keys.Count == 45,
            () => "the new member lacks values");
        for (int i = 0; i < 45; i++)
            Assert.Equal(1UL, (await cluster.LocalAsync(2, new GCounterKey($"views {i}")))!.Value);
    }

    [Fact]
    public async Task The_part_of_a_removed_node_goes_to_another()
    {
        await using var cluster = await StartAsync(3, """
            akka.cluster.distributed-data { pruning-interval = 300 ms, max-pruning-dissemination = 1 s }
            """);
        foreach (int node in new[] { 0, 1, 2 })
        {
            await cluster.UpdateAsync(node, Views, GCounter.Empty, views => views.Increment(cluster.Address(node), 10), new WriteAll(Limit));
            await cluster.UpdateAsync(node, Tags, ORSet<string>.Empty, tags => tags.Add(cluster.Address(node), $"of {node}"), new WriteAll(Limit));
        }

        var gone = cluster.Address(2);
        Assert.Contains(gone, (await cluster.LocalAsync(0, Views))!.ModifiedByNodes);
        Cluster.Get(cluster[0].System).Leave(gone.Address);

        await cluster.CountAsync(0, 2);
        await cluster.AgreeAsync(Views, views => !views.ModifiedByNodes.Contains(gone) && views.Value == 30, 0, 1);
        await cluster.AgreeAsync(Tags, tags => !tags.ModifiedByNodes.Contains(gone) && tags.Count == 3, 0, 1);
        await cluster.UpdateAsync(1, Views, GCounter.Empty, views => views.Increment(cluster.Address(1)), new WriteAll(Limit));
        Assert.Equal(31UL, (await cluster.LocalAsync(0, Views))!.Value);
    }

    /// <summary>Cuts every node off from the others, and waits until what is sent is lost.</summary>
    private static async Task PartAsync(DistributedDataCluster cluster)
    {
        for (int node = 0; node < 3; node++)
            cluster[node].Proxy!.Cut();
        await MissAsync(cluster, 2, "nodes still reach each other");
    }

    /// <summary>Waits until every node's heartbeats are answered by all others again.</summary>
    private static Task ReachAsync(DistributedDataCluster cluster) => MissAsync(cluster, 0, "nodes do not reach each other");

    private static Task MissAsync(DistributedDataCluster cluster, int members, string otherwise) => EventuallyAsync(
        () => Task.FromResult(Enumerable.Range(0, 3).All(node => Cluster.Get(cluster[node].System).State.Unreachable.Count == members)),
        () => otherwise);

    private static void Mend(DistributedDataCluster cluster)
    {
        for (int node = 0; node < 3; node++)
            cluster[node].Proxy!.Mend();
    }
}
