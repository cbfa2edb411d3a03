using ActorRepl.Actors.Crdt;
using ActorRepl.Protocols.Crdt;
using Akka.Cluster;
using Akka.DistributedData;

namespace ActorRepl.Actors.Tests.Crdt;

/// <summary>Values that every node holds: the types that Akka.DistributedData lacks, carried by its replicator.</summary>
public sealed class ClusterValuesTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task What_is_written_at_once_is_kept_by_a_register_until_one_writes_over_it()
    {
        await using ValueCluster cluster = await ValueCluster.StartAsync(3);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(node => WriteAsync(node, $"by {node}")));
        await cluster.AgreeAsync(Register, Has("by 0", "by 1", "by 2"), "all three", 0, 1, 2);
        await WriteAsync(1, "settled", new WriteAll(Limit));
        foreach (int node in new[] { 0, 1, 2 })
            Assert.True(Has("settled")(await Register(cluster[node]).GetAsync()));

        static ClusterValue<ReplicatedCrdt<Causal<MvRegister>>> Register(ClusterValues values) => values.MultiValueRegister("setting");

        static Func<ReplicatedCrdt<Causal<MvRegister>>, bool> Has(params string[] wanted) =>
            register => register.Read(value => value.Value.Values.Select(written => written.ToString()).SequenceEqual(wanted));

        Task WriteAsync(int node, string value, IWriteConsistency? level = null) => Register(cluster[node]).UpdateAsync(
            (register, self) => register.Change(state => state.Mutate(CrdtSource.Of(self), (current, change) => current.Write(change, value))), level);
    }

    [Fact]
    public async Task Three_nodes_type_into_one_text_and_see_the_same()
    {
        await using ValueCluster cluster = await ValueCluster.StartAsync(3);
        await TypeAsync(0, "[]", new WriteAll(Limit));
        await Task.WhenAll(Enumerable.Range(0, 3).Select(async node =>
        {
            for (int i = 0; i < 30; i++)
                await TypeAsync(node, $"{(char)('a' + node)}");
        }));
        await cluster.AgreeAsync(Text, text => text.Read(value => value.Length) == 92, "all that was typed", 0, 1, 2);
        string[] texts = await Task.WhenAll(Enumerable.Range(0, 3).Select(async node => (await Text(cluster[node]).GetAsync()).Read(value => value.ToString())));
        Assert.Equal(texts[0], texts[1]);
        Assert.Equal(texts[0], texts[2]);
        Assert.Equal(30, texts[0].Count(letter => letter == 'b'));

        static ClusterValue<ReplicatedSequence<Text, char>> Text(ClusterValues values) => values.Text("page");

        Task TypeAsync(int node, string typed, IWriteConsistency? level = null) => Text(cluster[node]).UpdateAsync(
            (text, self) => text.Change(value => value.Insert(CrdtSource.Of(self), value.Length / 2, typed)), level);
    }

    [Fact]
    public async Task Fields_of_a_nested_map_are_changed_on_all_nodes_at_once()
    {
        await using ValueCluster cluster = await ValueCluster.StartAsync(3);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(node => Map(cluster[node]).UpdateAsync((map, self) => map.Change(state => state.Mutate(CrdtSource.Of(self),
            (current, change) => current.Update<AddWinsMap>(change, "carts", (carts, c) => carts.Update<OrSet>(c, "ann", (cart, inner) => cart.Add(inner, $"item {node}"))))))));
        await cluster.AgreeAsync(Map, map => map.Read(state => state.Value.Get<AddWinsMap>("carts")?.Get<OrSet>("ann")?.Count ?? 0) == 3, "three items", 0, 1, 2);

        static ClusterValue<ReplicatedCrdt<Causal<AddWinsMap>>> Map(ClusterValues values) => values.Map("shop");
    }

    [Fact]
    public async Task Rights_of_a_node_that_left_go_to_another_and_the_counter_stays_above_zero()
    {
        await using ValueCluster cluster = await ValueCluster.StartAsync(3);
        UniqueAddress gone = cluster.Address(2);
        await Stock(cluster[2]).UpdateAsync((stock, self) => stock.Increment(self, 10), new WriteAll(Limit));
        await Assert.ThrowsAsync<InvalidOperationException>(() => TakeAsync(0, 1));
        await TakeAsync(2, 4, new WriteAll(Limit));
        await cluster.LeaveAsync(2);
        await cluster.AgreeAsync(Stock, stock => stock.Rights(gone) == 0 && stock.Rights(cluster.Address(0)) + stock.Rights(cluster.Address(1)) == 6, "the rights", 0, 1);

        int heir = (await Stock(cluster[0]).GetAsync()).Rights(cluster.Address(0)) > 0 ? 0 : 1;
        await TakeAsync(heir, 6);
        await Assert.ThrowsAsync<InvalidOperationException>(() => TakeAsync(heir, 1));
        await cluster.AgreeAsync(Stock, stock => stock.Value == 0, "nothing left", 0, 1);

        static ClusterValue<ReplicatedBoundedCounter> Stock(ClusterValues values) => values.BoundedCounter("stock");

        Task TakeAsync(int node, long amount, IWriteConsistency? level = null) => Stock(cluster[node]).UpdateAsync(
            (stock, self) => stock.TryDecrement(self, amount) ?? throw new InvalidOperationException("too few rights"), level);
    }

    [Fact]
    public async Task Changes_of_one_node_are_seen_by_who_watches_at_another()
    {
        await using ValueCluster cluster = await ValueCluster.StartAsync(3);
        using var limit = new CancellationTokenSource(Limit);
        await using IAsyncEnumerator<ORSet<string>> seen = cluster[1].Set<string>("present").WatchAsync(limit.Token).GetAsyncEnumerator(limit.Token);
        await cluster[0].Set<string>("present").UpdateAsync((set, self) => set.Add(self, "ann"));
        Assert.True(await seen.MoveNextAsync());
        Assert.Equal(["ann"], seen.Current.Elements);
        await cluster[2].Set<string>("present").UpdateAsync((set, self) => set.Add(self, "ben"));
        do
            Assert.True(await seen.MoveNextAsync());
        while (seen.Current.Count < 2);
        Assert.Contains("ben", seen.Current.Elements);
    }
}
