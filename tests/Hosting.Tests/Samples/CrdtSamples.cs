using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Crdt;
using ActorRepl.Hosting.Tests.Crdt;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Tests.Samples;

/// <summary>The samples of docs/crdt-groups.md, run.</summary>
[Collection(nameof(Processes.Processes))]
public sealed class CrdtSamples(SharedCrdtNode shared) : IClassFixture<SharedCrdtNode>
{
    [Fact]
    public async Task Handles()
    {
        IReplicationClient client = shared.Node.Client;
        using var stopping = new CancellationTokenSource();
        // sample: handles
        CrdtGroup carts = client.Crdt("kv");
        await carts.Counter("views").AddAsync(1);
        await carts.Set<string>("ann's cart").AddAsync("milk");
        await carts.Register<string>("theme").SetAsync("dark");
        await carts.Text("page").InsertAsync(0, "Hello");
        CrdtMap profile = carts.Map("profile of ann");
        await profile.ApplyAsync(profile.Set("tags").Inserting("reader"));
        long views = await carts.Counter("views").GetAsync();

        // On more than one disk, and merged from more than one replica: for this call.
        var majority = new RequestOptions { Level = ConsistencyLevel.Quorum, Timeout = TimeSpan.FromSeconds(2) };
        await carts.Flag("closed").SetAsync(true, majority);
        bool closed = await carts.Flag("closed").GetAsync(majority);

        // Never below 0: a replica takes only what it has the rights to.
        CrdtBoundedCounter stock = carts.BoundedCounter("stock");
        await stock.AddAsync(2);
        try
        {
            await stock.TakeAsync(5);
        }
        catch (InvalidRequestException)
        {
            // Too few rights here, and nothing was taken.
        }

        // end
        Assert.Equal((1, true, (2L, 2L)), (views, closed, await stock.GetAsync()));
        Assert.Equal("Hello", await carts.Text("page").GetAsync());
    }

    [Fact]
    public async Task As_one()
    {
        CrdtGroup pages = shared.Node.Group;
        // sample: unit
        CrdtText text = pages.Text("{page 7}text");
        CrdtMap about = pages.Map("{page 7}about");
        await pages.ApplyAsync([text.Inserting(0, "Title\n"), about.Counter("edits").Adding(1)]);
        // end
        Assert.Equal("Title\n", await text.GetAsync());
        Assert.Equal(new CrdtData.Number(1), await about.GetAsync(about.Counter("edits")));
    }

    [Fact]
    public async Task Watched()
    {
        CrdtGroup group = shared.Node.Group;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        CancellationToken stopping = limit.Token;
        long last = 0;
        await group.Counter("watched").AddAsync(1, cancellation: stopping);
        // sample: watch
        await foreach (long value in group.Counter("watched").WatchAsync(stopping))
        {
            last = value;                                     // now, and after changes: the latest, not every one
            if (value == 2)
                break;
            await group.Counter("watched").AddAsync(1, cancellation: stopping);
        }

        string cursor = await group.CursorAsync(stopping);    // from here on; also after a restart, on any node
        await group.Set<string>("names").AddAsync("ann", cancellation: stopping);
        await foreach (CrdtChange change in group.WatchAsync(cursor, stopping))
        {
            cursor = change.Cursor;                           // keep it: a watch that ends goes on there
            break;                                            // change.Key is set "names"; null: any may have changed
        }

        // end
        Assert.Equal(2, last);
        Assert.NotEmpty(cursor);
    }
}
