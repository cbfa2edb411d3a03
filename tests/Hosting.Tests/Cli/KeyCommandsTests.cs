using System.Net;
using System.Net.Sockets;
using System.Text;
using ActorRepl.Hosting.Cli;
using ActorRepl.Hosting.Cli.Keys;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Cli;

/// <summary>The console at a node that takes a command and does not answer: one that is stopped, or dies just then.</summary>
public sealed class KeyCommandsTests : IDisposable
{
    private readonly int _basePort = FreePorts.Base(2);
    private readonly CancellationTokenSource _over = new();
    private readonly List<string> _asked = [];

    [Theory]
    [InlineData(false, "nothing within 3 s")]
    [InlineData(true, "closed the connection")]
    public async Task A_write_that_was_sent_and_not_answered_may_be_done_and_goes_to_no_other_node(bool closes, string why)
    {
        using TcpListener silent = Serve(1, answer: null, closes), well = Serve(2, "+OK\r\n", closes: false);
        UserErrorException told = await Assert.ThrowsAsync<UserErrorException>(() => Commands().PutAsync("k", "v", null, json: false, _over.Token));
        Assert.Contains("node 1", told.Message, StringComparison.Ordinal);
        Assert.Contains(why, told.Message, StringComparison.Ordinal);
        Assert.Contains("may have been done", told.Message, StringComparison.Ordinal);
        Assert.Equal(["node 1"], _asked);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_a_group_that_is_named_a_write_that_was_not_answered_goes_to_no_other_node_and_one_that_was_refused_does(bool closes)
    {
        const string Refused = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        using TcpListener first = Serve(1, new NodePorts(_basePort, 1).Http, closes ? null : Refused, closes: true);
        using TcpListener second = Serve(2, new NodePorts(_basePort, 2).Http, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", closes: true);
        using var gateway = new HttpGateway(Cluster(), token: null);
        Task<int> put = new KeyCommands(Cluster(), new GroupKeys(gateway, "carts")).PutAsync("k", "v", null, json: false, _over.Token);
        if (closes)
            Assert.Contains("may have been done", (await Assert.ThrowsAsync<UnansweredException>(() => put)).Message, StringComparison.Ordinal);
        else
            Assert.Equal(ExitCode.Success, await put);
        Assert.Equal(closes ? ["node 1"] : ["node 1", "node 2"], _asked);
    }

    [Fact]
    public async Task A_read_goes_to_the_next_node()
    {
        using TcpListener silent = Serve(1, answer: null, closes: false), well = Serve(2, "$-1\r\n", closes: false);
        Assert.Equal(ExitCode.Failure, await Commands().GetAsync("k", null, json: true, _over.Token));
        Assert.Equal(["node 1", "node 2"], _asked);
    }

    [Fact]
    public async Task Nodes_that_want_a_token_are_told_from_none_at_all()
    {
        UserErrorException none = await Assert.ThrowsAsync<UserErrorException>(() => LocalCluster.FindAsync("nowhere", _basePort, _over.Token));
        Assert.Contains("no cluster answers", none.Message, StringComparison.Ordinal);
        using TcpListener guarded = Serve(1, new NodePorts(_basePort, 1).Http, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", closes: true);
        UserErrorException told = await Assert.ThrowsAsync<UserErrorException>(() => LocalCluster.FindAsync("nowhere", _basePort, _over.Token));
        Assert.Contains("401", told.Message, StringComparison.Ordinal);
        Assert.Contains("--data", told.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _over.Cancel();
        _over.Dispose();
    }

    private KeyCommands Commands() => new(Cluster()) { Patience = TimeSpan.FromSeconds(3) };

    private LocalCluster Cluster() => new("nowhere", new ClusterFile("c", _basePort, [new ClusterNode(1, 0), new ClusterNode(2, 0)]));

    /// <summary>A node that waits for a command and gives it one answer, or none.</summary>
    private TcpListener Serve(int node, string? answer, bool closes) => Serve(node, new NodePorts(_basePort, node).Redis, answer, closes);

    private TcpListener Serve(int node, int port, string? answer, bool closes)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        _ = AnswerAsync(_over.Token);
        return listener;

        async Task AnswerAsync(CancellationToken over)
        {
            using TcpClient client = await listener.AcceptTcpClientAsync(over);
            byte[] command = new byte[1024];
            Assert.NotEqual(0, await client.GetStream().ReadAsync(command, over));
            lock (_asked)
                _asked.Add($"node {node}");
            if (answer is not null)
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer), over);
            if (!closes)
                await Task.Delay(Timeout.Infinite, over);
        }
    }
}
