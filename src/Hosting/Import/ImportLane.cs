using System.Diagnostics;
using System.Net.Sockets;
using System.Threading.Channels;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Import;

/// <summary>
/// One of the connections an import sends over. A key always takes the same lane and a batch holds a key once, so later
/// lines win over earlier ones also when something has to be sent again; sending a SET twice does no harm.
/// </summary>
/// <param name="nodes">In turn.</param>
/// <param name="connect">Makes the way to one of them.</param>
/// <param name="lane">Its number.</param>
/// <param name="tally">What became of the records.</param>
/// <param name="patience">Without progress.</param>
internal sealed class ImportLane(IReadOnlyList<NodePorts> nodes, Func<NodePorts, CancellationToken, Task<IImportLink>> connect, int lane, ImportTally tally, TimeSpan patience)
{
    private const int BatchRecords = 128;
    private const int BatchBytes = 128 * 1024;

    private readonly Channel<ImportRecord> _waiting = Channel.CreateBounded<ImportRecord>(2 * BatchRecords);
    private readonly HashSet<ByteKey> _keys = [];
    private int _node = lane % nodes.Count;
    private IImportLink? _link;

    public ChannelWriter<ImportRecord> Waiting => _waiting.Writer;

    public async Task RunAsync(CancellationToken cancellation)
    {
        var batch = new List<ImportRecord>();
        while (await _waiting.Reader.WaitToReadAsync(cancellation).ConfigureAwait(false))
        {
            Fill(batch);
            await SendAsync(batch, cancellation).ConfigureAwait(false);
        }

        if (_link is not null)
            await _link.DisposeAsync().ConfigureAwait(false);
    }

    private void Fill(List<ImportRecord> batch)
    {
        batch.Clear();
        _keys.Clear();
        int bytes = 0;
        while (batch.Count < BatchRecords && bytes < BatchBytes && _waiting.Reader.TryPeek(out ImportRecord? next) && _keys.Add(new ByteKey(next.Key)))
        {
            _waiting.Reader.TryRead(out _);
            batch.Add(next);
            bytes += next.Value.Length;
        }
    }

    /// <summary>Sends until all is acknowledged, on another node after each failure; gives up after a time without progress.</summary>
    private async Task SendAsync(List<ImportRecord> batch, CancellationToken cancellation)
    {
        var stalled = Stopwatch.StartNew();
        TimeSpan pause = TimeSpan.FromMilliseconds(25);
        string problem = "";
        while (batch.Count > 0)
        {
            int before = batch.Count;
            try
            {
                _link ??= await connect(nodes[_node], cancellation).ConfigureAwait(false);
                problem = await _link.ExchangeAsync(batch, cancellation).ConfigureAwait(false) ?? problem;
            }
            catch (Exception gone) when (gone is SocketException or IOException || gone is OperationCanceledException && !cancellation.IsCancellationRequested)
            {
                problem = $"node {nodes[_node].Id}: {gone.Message}";
            }

            if (batch.Count == 0)
                return;
            if (batch.Count < before)
                (stalled, pause) = (Stopwatch.StartNew(), TimeSpan.FromMilliseconds(25));
            if (stalled.Elapsed > patience)
            {
                tally.Fail(batch, $"not acknowledged within {patience.TotalSeconds} s: {problem}");
                return;
            }

            await ChangeNodeAsync().ConfigureAwait(false);
            await Task.Delay(pause, cancellation).ConfigureAwait(false);
            pause = pause * 2 < TimeSpan.FromMilliseconds(500) ? pause * 2 : TimeSpan.FromMilliseconds(500);
        }
    }

    private async ValueTask ChangeNodeAsync()
    {
        if (_link is not null)
            await _link.DisposeAsync().ConfigureAwait(false);
        _link = null;
        _node = (_node + 1) % nodes.Count;
    }

    private readonly record struct ByteKey(byte[] Bytes)
    {
        public bool Equals(ByteKey other) => Bytes.AsSpan().SequenceEqual(other.Bytes);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.AddBytes(Bytes);
            return hash.ToHashCode();
        }
    }
}
