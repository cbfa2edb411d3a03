using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Redis.Sockets;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Tests.Redis;

/// <summary>Many clients, and what is under way, where sockets are waited for by the best this system has: on Linux, epoll.</summary>
public sealed class BestPollerGatewayClientsTests() : GatewayClientsTests(Poller.Create);

/// <summary>And where they are by what every system has.</summary>
public sealed class SelectGatewayClientsTests() : GatewayClientsTests(() => new SelectPoller());

public abstract class GatewayClientsTests : GatewayTest
{
    private protected GatewayClientsTests(Func<IPoller> poller)
        : base(poller)
    {
    }

    [Fact]
    public async Task Commands_that_wait_together_share_a_request_and_each_client_gets_its_own_reply()
    {
        await using GatewayHost gateway = await StartAsync(Group);
        RawConnection[] clients = await ConnectAsync(gateway, 50);
        try
        {
            await HoldWhileAsync(clients[0], async () =>
            {
                for (int i = 1; i < clients.Length; i++)
                    await clients[i].CommandAsync(i % 2 == 0 ? ["APPEND", $"key-{i}", $"value-{i}"] : ["GET", $"none-{i}"]);
            });
            for (int i = 1; i < clients.Length; i++)
                await clients[i].ExpectAsync(i % 2 == 0 ? $":{$"value-{i}".Length}\r\n" : "$-1\r\n");
        }
        finally
        {
            Close(clients);
        }

        Assert.InRange(Group.Requests.Count(request => !request.Query), 2, 5);
        Assert.InRange(Group.Requests.Count(request => request.Query), 1, 4);
        Assert.Equal(50, Group.Requests.Sum(request => request.Operations));
    }

    [Fact]
    public async Task Whoever_leaves_before_the_reply_to_a_shared_request_takes_nobody_elses_along()
    {
        await using GatewayHost gateway = await StartAsync(Group);
        RawConnection[] clients = await ConnectAsync(gateway, 20);
        try
        {
            var answer = new TaskCompletionSource();
            int held = Group.Groups[0].ShardOf("held"u8);
            Group.Before = shard => shard == held ? Task.CompletedTask : answer.Task;
            await HoldWhileAsync(clients[0], async () =>
            {
                for (int i = 1; i < clients.Length; i++)
                    await clients[i].SendAsync($"APPEND key-{i} {new string('x', i)}\r\nPING {i}\r\n");
            });
            for (int i = 1; i < clients.Length; i += 3)
            {
                clients[i].Socket.LingerState = new System.Net.Sockets.LingerOption(true, 0);
                clients[i].Dispose();
            }

            answer.SetResult();
            for (int i = 1; i < clients.Length; i++)
            {
                if (i % 3 != 1)
                    await clients[i].ExpectAsync($":{i}\r\n${$"{i}".Length}\r\n{i}\r\n");
            }
        }
        finally
        {
            Close(clients);
        }
    }

    [Fact]
    public async Task A_refusal_of_a_shared_request_is_told_to_all_who_share_it()
    {
        await using GatewayHost gateway = await StartAsync(Group);
        RawConnection[] clients = await ConnectAsync(gateway, 10);
        try
        {
            await HoldWhileAsync(clients[0], async () =>
            {
                foreach (RawConnection client in clients[1..])
                    await client.CommandAsync("INCR", "n");
                Group.Refuse = _ => new ReplicationException(new Rejection(RejectReason.NoQuorum), "x");
            });
            foreach (RawConnection client in clients[1..])
                await client.ExpectAsync("-NOQUORUM x\r\n");
        }
        finally
        {
            Close(clients);
        }
    }

    [Fact]
    public async Task Reads_travel_with_those_of_other_connections_that_are_as_old_and_with_no_others()
    {
        var answer = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        Group.Before = _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        await using GatewayHost gateway = await StartAsync(Group, new RespLimits { GatherFor = TimeSpan.FromSeconds(60), Reads = ReadText.Parse("nearest stale") });
        RawConnection[] clients = await ConnectAsync(gateway, 40);
        try
        {
            await clients[0].CommandAsync("INCR", "n");
            await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
            for (int i = 1; i < clients.Length; i++)
                await clients[i].SendAsync((i < 20 ? "READ nearest\r\nRESET\r\n" : i < 30 ? "READ default\r\nPING\r\n" : "READ 2s\r\nPING\r\n") + "GET n\r\n");
            using RawConnection other = await gateway.ConnectAsync();
            await other.CommandAsync("PING");
            await other.ExpectAsync("+PONG\r\n");
            answer.SetResult();
            await clients[0].ExpectAsync(":1\r\n");
            for (int i = 1; i < clients.Length; i++)
                await clients[i].ExpectAsync($"+OK\r\n{(i < 20 ? "+RESET" : "+PONG")}\r\n$1\r\n1\r\n");
        }
        finally
        {
            Close(clients);
        }

        Assert.Equal([RequestKind.BoundedRead, RequestKind.Read, RequestKind.StaleRead], Group.Reads.Select(read => read.Kind).OrderBy(kind => kind.ToString()));
        Assert.Equal([10, 10, 19], Group.Requests.Where(request => request.Query).Select(request => request.Operations).Order());
    }

    [Fact]
    public async Task What_comes_while_requests_are_under_way_travels_together_after_them()
    {
        var answer = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        Group.Before = _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        await using GatewayHost gateway = await StartAsync(Group, new RespLimits { GatherFor = TimeSpan.FromSeconds(60) });
        RawConnection[] clients = await ConnectAsync(gateway, 40);
        try
        {
            await clients[0].CommandAsync("INCR", "n");
            await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
            foreach (RawConnection client in clients[1..])
                await client.SendAsync("PING\r\nINCR n\r\n");

            // What needs no shard and nothing before it does not wait.
            using RawConnection other = await gateway.ConnectAsync();
            await other.CommandAsync("PING");
            await other.ExpectAsync("+PONG\r\n");
            answer.SetResult();
            await clients[0].ExpectAsync(":1\r\n");
            foreach (RawConnection client in clients[1..])
                Assert.Equal("+PONG", await client.ReadLineAsync());
        }
        finally
        {
            Close(clients);
        }

        Assert.Equal([1, 39], Group.Requests.Select(request => request.Operations));
    }

    [Fact]
    public async Task A_shard_that_does_not_answer_holds_up_the_others_only_once()
    {
        int silent = Group.Groups[0].ShardOf("silent"u8);
        string other = Enumerable.Range(0, 100).Select(i => $"k{i}").First(key => Group.Groups[0].ShardOf(Encoding.ASCII.GetBytes(key)) != silent);
        var answer = new TaskCompletionSource();
        Group.Before = shard => shard == silent ? answer.Task : Task.CompletedTask;
        await using GatewayHost gateway = await StartAsync(Group, new RespLimits { GatherFor = TimeSpan.FromMilliseconds(500) });
        using RawConnection waiting = await gateway.ConnectAsync();
        using RawConnection alsoWaiting = await gateway.ConnectAsync();
        using RawConnection served = await gateway.ConnectAsync();
        await waiting.CommandAsync("INCR", "silent");
        long start = Environment.TickCount64;
        for (int i = 1; i <= 50; i++)
        {
            if (i == 25)
                await alsoWaiting.CommandAsync("INCR", "silent");
            await served.CommandAsync("INCR", other);
            await served.ExpectAsync($":{i}\r\n");
        }

        Assert.InRange(Environment.TickCount64 - start, 0, 49 * 500 / 2);
        answer.SetResult();

        // Which of two that come by different connections is first is nobody's promise.
        Assert.Equal([":1", ":2"], ((string[])[await waiting.ReadLineAsync(), await alsoWaiting.ReadLineAsync()]).Order());
    }

    [Fact]
    public async Task What_needs_no_shard_is_answered_while_requests_are_under_way()
    {
        var answer = new TaskCompletionSource();
        Group.Before = _ => answer.Task;
        await using GatewayHost gateway = await StartAsync(Group, new RespLimits { GatherFor = TimeSpan.FromSeconds(10) });
        using RawConnection waiting = await gateway.ConnectAsync();
        using RawConnection other = await gateway.ConnectAsync();
        await waiting.CommandAsync("INCR", "k");
        long start = Environment.TickCount64;
        for (int i = 0; i < 50; i++)
        {
            await other.CommandAsync("PING");
            await other.ExpectAsync("+PONG\r\n");
        }

        Assert.InRange(Environment.TickCount64 - start, 0, 5_000);
        answer.SetResult();
        await waiting.ExpectAsync(":1\r\n");
    }

    [Fact]
    public async Task A_thousand_clients_are_served_and_leave_nothing_behind()
    {
        await using GatewayHost gateway = await StartAsync(Group, threads: 2);
        RawConnection[] clients = await ConnectAsync(gateway, 1000);
        try
        {
            foreach (int i in Enumerable.Range(0, clients.Length))
                await clients[i].SendAsync($"SET key-{i} {i}\r\nGET key-{i}\r\n");
            foreach (int i in Enumerable.Range(0, clients.Length))
                await clients[i].ExpectAsync($"+OK\r\n${$"{i}".Length}\r\n{i}\r\n");
        }
        finally
        {
            Close(clients);
        }

        using RawConnection last = await gateway.ConnectAsync();
        await WaitUntilAsync("all have been seen to leave", async () =>
        {
            await last.CommandAsync("INFO", "clients");
            string? line;
            while (!(line = await last.ReadLineAsync()).StartsWith("connected_clients:", StringComparison.Ordinal))
            {
            }

            await last.ReadLineAsync();
            return line == "connected_clients:1";
        });
    }

    [Fact]
    public async Task Commands_may_come_a_byte_at_a_time_and_replies_be_taken_late()
    {
        await using GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync();
        foreach (char c in "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nGET k\r\n")
            await client.SendAsync(c.ToString());
        await client.ExpectAsync("+OK\r\n$4\r\na\r\nb\r\n$4\r\na\r\nb\r\n");

        // More than the socket's buffers hold, asked for before anything is read.
        string value = new('v', 1 << 20);
        await client.CommandAsync("SET", "big", value);
        await client.ExpectAsync("+OK\r\n");
        await client.SendAsync(string.Concat(Enumerable.Repeat("GET big\r\nPING\r\n", 30)));
        for (int i = 0; i < 30; i++)
            await client.ExpectAsync($"$1048576\r\n{value}\r\n+PONG\r\n");
    }

    [Fact]
    public async Task What_comes_while_a_pipeline_is_under_way_is_taken_after_it()
    {
        var answer = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        Group.Before = _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        await using GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("INCR n\r\n");
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        for (int i = 0; i < 2000; i++)
            await client.SendAsync("INCR n\r\nINCR m\r\n");
        answer.SetResult();
        await client.ExpectAsync(":1\r\n" + string.Concat(Enumerable.Range(1, 2000).Select(i => $":{i + 1}\r\n:{i}\r\n")));
        Assert.Equal(4001, Group.Requests.Sum(request => request.Operations));
    }

    [Fact]
    public async Task A_client_that_ends_its_side_still_gets_the_replies_to_what_it_sent()
    {
        await using GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("SET k v\r\nGET k\r\nGET");
        client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        await client.ExpectAsync("+OK\r\n$1\r\nv\r\n");
        await client.ExpectCloseAsync();
    }

    [Fact]
    public async Task A_gateway_that_stops_answers_what_it_has_taken()
    {
        var answer = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        Group.Before = _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync();
        using RawConnection idle = await gateway.ConnectAsync();
        await client.CommandAsync("SET", "k", "v");
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Task stopped = gateway.DisposeAsync().AsTask();
        await idle.ExpectCloseAsync();
        answer.SetResult();
        await client.ExpectAsync("+OK\r\n");
        await client.ExpectCloseAsync();
        await stopped;
    }
}
