using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Nodes;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Placement;
using Akka.Persistence.Journal;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ActorRepl.Hosting.Tests;

/// <summary>A node inside somebody else's generic host.</summary>
[Collection(nameof(Processes.Processes))]
public sealed class HostTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TempDirectory _directory = new();

    [Fact]
    public async Task A_generic_host_runs_a_node_whose_data_outlives_it()
    {
        using (IHost host = Build(options => options.AddGroup("kv", group => group.Raft(replicas: 1, shards: 2))))
        {
            var client = host.Services.GetRequiredService<IReplicationClient>();
            var early = await Assert.ThrowsAnyAsync<ReplicationException>(() => client.ExecuteAsync("kv", "k"u8.ToArray(), Set("k", "v")).AsTask());
            Assert.Equal(RejectReason.Unavailable, early.Rejection.Reason);

            await host.StartAsync();
            GroupInfo group = Assert.Single(client.Groups);
            Assert.Equal(("kv", "raft", 2, 1), (group.Name, group.Protocol, group.Shards, group.Replicas));
            await client.ExecuteAsync("kv", "k"u8.ToArray(), Set("k", "v"), new RequestOptions { Timeout = Patience });
            await host.StopAsync();
        }

        using IHost again = Build(options => options.AddGroup("kv", group => group.Raft(replicas: 1, shards: 2)));
        await again.StartAsync();
        ReadOnlyMemory<byte> result = await again.Services.GetRequiredService<IReplicationClient>()
            .QueryAsync("kv", "k"u8.ToArray(), new KeyValuePayload().Get("k"u8).ToArray(), new RequestOptions { Timeout = Patience });
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        Assert.True(replies.Next(out KeyValueReply reply));
        Assert.Equal("v", Encoding.UTF8.GetString(reply.Bytes.Span));
        await again.StopAsync();
    }

    [Fact]
    public async Task An_applications_own_state_machine_is_replicated_in_its_place()
    {
        using IHost host = Build(options => options.AddGroup("sums", group => group.Raft(replicas: 1, shards: 1).StateMachine(() => new SumMachine())));
        await host.StartAsync();
        var client = host.Services.GetRequiredService<IReplicationClient>();
        await client.ExecuteAsync("sums", default, BitConverter.GetBytes(40), new RequestOptions { Timeout = Patience });
        ReadOnlyMemory<byte> sum = await client.ExecuteAsync("sums", default, BitConverter.GetBytes(2), new RequestOptions { Timeout = Patience });
        Assert.Equal(42, BitConverter.ToInt32(sum.Span));

        var unknown = await Assert.ThrowsAsync<ArgumentException>(() => client.ExecuteAsync("nosuch", default, default).AsTask());
        Assert.Contains("unknown group 'nosuch'; this node knows sums", unknown.Message, StringComparison.Ordinal);
        await host.StopAsync();
    }

    [Fact]
    public void A_group_that_asks_for_more_replicas_than_nodes_is_refused() =>
        Refused("group 'kv' has 3 replicas a shard; it must be 1 to 1", options => options.AddGroup("kv", group => group.Raft(replicas: 3, shards: 4)));

    [Fact]
    public void No_group_at_all_is_refused() => Refused("no group is declared", _ => { });

    [Fact]
    public void A_name_that_cannot_be_a_clusters_is_refused() =>
        Refused("the cluster's name is 'my cluster'", options =>
        {
            options.Cluster = "my cluster";
            options.AddGroup("kv", group => group.Raft(1, 1));
        });

    [Fact]
    public void An_unknown_setting_is_refused() =>
        Refused("unknown setting actorrepl.raft.hartbeat in ActorReplOptions.Config; the nearest is actorrepl.raft.heartbeat", options =>
        {
            options.Config = "actorrepl.raft.hartbeat = 1s";
            options.AddGroup("kv", group => group.Raft(1, 1));
        });

    [Fact]
    public void A_journal_without_settings_is_refused() =>
        Refused("actorrepl.journal.plugin is 'my.journal'; it must be the id of a plugin, and my.journal.class must name its class", options =>
        {
            options.Config = "actorrepl.journal.plugin = my.journal";
            options.AddGroup("kv", group => group.Raft(1, 1));
        });

    [Fact]
    public async Task Another_journal_serves_as_well_and_is_not_exchanged_under_data()
    {
        string otherJournal = $$"""
            actorrepl.journal.plugin = my.journal
            my.journal {
              class = "{{typeof(MemoryJournal).AssemblyQualifiedName}}"
              plugin-dispatcher = "akka.actor.default-dispatcher"
            }
            """;
        using (IHost host = Build(options =>
        {
            options.Config = otherJournal;
            options.AddGroup("kv", group => group.Raft(1, 1));
        }))
        {
            await host.StartAsync();
            await host.Services.GetRequiredService<IReplicationClient>().ExecuteAsync("kv", "k"u8.ToArray(), Set("k", "v"), new RequestOptions { Timeout = Patience });
            await host.StopAsync();
        }

        using IHost own = Build(options => options.AddGroup("kv", group => group.Raft(1, 1)));
        var refused = await Assert.ThrowsAsync<UserErrorException>(() => own.StartAsync());
        Assert.Contains("is in the journal my.journal, not actorrepl.journal.segment", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("actorrepl.journal.sqlite", "wal.db", "actorrepl.journal.segment")]
    [InlineData("actorrepl.journal.segment", "wal", "actorrepl.journal.sqlite")]
    public async Task Data_stays_in_the_journal_it_was_made_in(string journal, string where, string other)
    {
        async Task Once(string config, Func<IReplicationClient, Task> use)
        {
            using IHost host = Build(options =>
            {
                options.Config = config;
                options.AddGroup("kv", group => group.Raft(1, 1));
            });
            await host.StartAsync();
            await use(host.Services.GetRequiredService<IReplicationClient>());
            await host.StopAsync();
        }

        var patience = new RequestOptions { Timeout = Patience };
        await Once($"actorrepl.journal.plugin = {journal}", async client => await client.ExecuteAsync("kv", "k"u8.ToArray(), Set("k", "v"), patience));
        Assert.True(Path.Exists(Path.Combine(_directory.Path, "node-1", where)));
        var refused = await Assert.ThrowsAsync<UserErrorException>(() => Once($"actorrepl.journal.plugin = {other}", _ => Task.CompletedTask));
        Assert.Contains($"is in the journal {journal}, not {other}", refused.Message, StringComparison.Ordinal);
        await Once("", async client =>
        {
            KeyValueReplyReader replies = KeyValueCodec.Replies(
                await client.QueryAsync("kv", "k"u8.ToArray(), new KeyValuePayload().Get("k"u8).ToArray(), patience));
            Assert.True(replies.Next(out KeyValueReply reply));
            Assert.Equal("v", Encoding.UTF8.GetString(reply.Bytes.Span));
        });
    }

    [Fact]
    public async Task Data_made_with_other_numbers_of_shards_is_refused()
    {
        await OnceAsync(options => options.AddGroup("kv", group => group.Raft(replicas: 1, shards: 2)));
        Refused($"the data in {Path.Combine(_directory.Path, "node-1")} holds group 'kv' with raft, 2 shards, 1 replicas, not raft, 3 shards, 1 replicas",
            options => options.AddGroup("kv", group => group.Raft(replicas: 1, shards: 3)));
    }

    /// <summary>Replicas that cannot read what an other build wrote would end and be started again for ever.</summary>
    [Theory]
    [InlineData("quorum", 2, null)]
    [InlineData("quorum", 2, 3)]
    [InlineData("crdt", 2, null)]
    [InlineData("crdt", 2, 1)]
    [InlineData("raft", 1, 2)]
    public async Task Data_in_a_format_of_another_build_is_refused_at_start_and_left_as_it_is(string protocol, int format, int? other)
    {
        Action<ActorReplOptions> declare = options => options.AddGroup("kv", group =>
        {
            if (protocol == "quorum")
                group.Quorum(1, shards: 1);
            else if (protocol == "crdt")
                group.Crdt(1, 1);
            else
                group.Raft(replicas: 1, shards: 1);
        });
        await OnceAsync(declare);
        string stamp = Path.Combine(_directory.Path, "node-1", "groups.json"), line = $"\"format\": {format}", text = File.ReadAllText(stamp);
        string changed = text.Replace(line, other is null ? "\"format\": null" : $"\"format\": {other}", StringComparison.Ordinal);
        Assert.NotEqual(text, changed);
        File.WriteAllText(stamp, changed);
        string by = other > format ? "a later build" : "an earlier build";
        Refused($"{stamp}: group 'kv' holds data of {protocol} in format {other ?? 1}, made by {by}; this build reads format {format}. ", declare);
        Assert.Equal(changed, File.ReadAllText(stamp));

        File.WriteAllText(stamp, text);
        await OnceAsync(declare);
    }

    [Fact]
    public async Task Keys_with_braces_stay_where_the_build_that_made_their_group_placed_them()
    {
        // As a build left it that knew one rule: the stamp names none.
        string stamp = Path.Combine(_directory.Path, "node-1", "groups.json");
        Directory.CreateDirectory(Path.GetDirectoryName(stamp)!);
        File.WriteAllText(stamp, """{"nodes":1,"groups":[{"name":"kv","protocol":"raft","shards":8,"replicas":1}],"journal":"actorrepl.journal.segment","snapshotStore":"actorrepl.snapshot-store.sqlite"}""");
        byte[] key = "{user:7}:name"u8.ToArray();
        int whole = ShardHash.ShardOf(key, 8, KeyPlacement.WholeKey), braces = ShardHash.ShardOf(key, 8, KeyPlacement.Braces);
        Assert.NotEqual(whole, braces);

        await With(["kv"], async client =>
        {
            await client.ExecuteAsync("kv", key, Set("{user:7}:name", "Ada"), new RequestOptions { Timeout = Patience });
            Assert.Equal("Ada", await ReadAsync(client, "kv", whole, key));
            Assert.Null(await ReadAsync(client, "kv", braces, key));
        });

        // The stamp or what is remembered of the control group is enough by itself, and a group that is new has the new rule.
        File.WriteAllText(stamp, File.ReadAllText(stamp).Replace("\"keyPlacement\": \"whole-key\"", "\"keyPlacement\": \"braces\"", StringComparison.Ordinal));
        await With(["kv", "more"], async client =>
        {
            Assert.Equal([("kv", KeyPlacement.WholeKey), ("more", KeyPlacement.Braces)], client.Groups.Select(group => (group.Name, group.KeyPlacement)));
            Assert.Equal("Ada", await ReadAsync(client, "kv", client.Groups[0].ShardOf(key), key));
            await client.ExecuteAsync("more", key, Set("{user:7}:name", "Grace"), new RequestOptions { Timeout = Patience });
            Assert.Equal("Grace", await ReadAsync(client, "more", braces, key));
        });
        Assert.Contains("\"keyPlacement\": \"whole-key\"", File.ReadAllText(stamp), StringComparison.Ordinal);
        Assert.Contains("\"keyPlacement\": \"braces\"", File.ReadAllText(stamp), StringComparison.Ordinal);

        File.WriteAllText(stamp, File.ReadAllText(stamp).Replace("\"whole-key\"", "\"moon\"", StringComparison.Ordinal));
        File.Delete(Directory.GetFiles(Path.GetDirectoryName(stamp)!, "node.state").Single());
        Refused($"the data in {Path.GetDirectoryName(stamp)} cannot be served: the keys are placed by 'moon'; this build knows whole-key and braces", Declare("kv"));
    }

    public void Dispose() => _directory.Dispose();

    private static Action<ActorReplOptions> Declare(params string[] groups) => options =>
    {
        foreach (string name in groups)
            options.AddGroup(name, group => group.Raft(replicas: 1, shards: 8));
    };

    private async Task OnceAsync(Action<ActorReplOptions> configure)
    {
        using IHost host = Build(configure);
        await host.StartAsync();
        await host.StopAsync();
    }

    private async Task With(string[] groups, Func<IReplicationClient, Task> use)
    {
        using IHost host = Build(Declare(groups));
        await host.StartAsync();
        await use(host.Services.GetRequiredService<IReplicationClient>());
        string state = Path.Combine(_directory.Path, "node-1", "node.state");
        DateTime end = DateTime.UtcNow + Patience;
        while (groups.Any(group => NodeState.Decode(File.ReadAllBytes(state)).KeyPlacementOf(group) is null))
        {
            Assert.True(DateTime.UtcNow < end, "the node comes to know its groups by the control group");
            await Task.Delay(20);
        }

        await host.StopAsync();
    }

    private static async Task<string?> ReadAsync(IReplicationClient client, string group, int shard, byte[] key)
    {
        ReadOnlyMemory<byte> result = await client.QueryShardAsync(group, shard, new KeyValuePayload().Get(key).ToArray(), new RequestOptions { Timeout = Patience });
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        Assert.True(replies.Next(out KeyValueReply reply));
        return reply.Kind == KeyValueReplyKind.Bytes ? Encoding.UTF8.GetString(reply.Bytes.Span) : null;
    }

    private static byte[] Set(string key, string value) =>
        new KeyValuePayload().Set(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value)).ToArray();

    private void Refused(string start, Action<ActorReplOptions> configure)
    {
        using IHost host = Build(configure);
        var refused = Assert.Throws<UserErrorException>(() => host.StartAsync().GetAwaiter().GetResult());
        Assert.StartsWith(start, refused.Message, StringComparison.Ordinal);
    }

    private IHost Build(Action<ActorReplOptions> configure)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddActorRepl(options =>
        {
            options.Nodes = 1;
            options.Data = _directory.Path;
            options.BasePort = FreePorts.Base(1);
            configure(options);
        });
        return builder.Build();
    }

    /// <summary>Adds up what it is sent.</summary>
    private sealed class SumMachine : IStateMachine
    {
        private int _sum;

        public long ApproximateBytes => sizeof(int);

        public ReadOnlyMemory<byte> Apply(in AppliedCommand command) => BitConverter.GetBytes(_sum += BitConverter.ToInt32(command.Payload.Span));

        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => BitConverter.GetBytes(_sum);

        public ICheckpointView BeginCheckpoint() => new View(BitConverter.GetBytes(_sum));

        public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments) => _sum = BitConverter.ToInt32(segments.Single().Span);

        private sealed class View(byte[] sum) : ICheckpointView
        {
            public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes) => [sum];

            public void Dispose()
            {
            }
        }
    }
}
