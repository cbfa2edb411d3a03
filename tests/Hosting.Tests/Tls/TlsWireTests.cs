using ActorRepl.Hosting.Redis.Tls;

namespace ActorRepl.Hosting.Tests.Tls;

/// <summary>A record at a time, however it came: what is beyond the handshake's last one stays where the loop sees it.</summary>
public sealed class TlsWireTests
{
    private static readonly byte[] Two = [22, 3, 3, 0, 4, 1, 2, 3, 4, 23, 3, 3, 0, 2, 5, 6];

    [Fact]
    public async Task A_read_gets_one_record_at_most_wherever_the_bytes_were_cut()
    {
        for (int cut = 1; cut < Two.Length; cut++)
        {
            var wire = new TlsWire(() => { });
            byte[] target = new byte[100];
            ValueTask<int> first = wire.ReadAsync(target);
            wire.Feed(Two.AsSpan(0, cut));
            wire.Feed(Two.AsSpan(cut));
            int read = 0;
            for (read += await first; read < 9; read += await wire.ReadAsync(target.AsMemory(read)))
                Assert.InRange(read, 1, 9);
            Assert.Equal(9, read);
            Assert.Equal(7, wire.Held);
            Assert.True(wire.HasRecord);
            Assert.Equal(7, wire.Read(target.AsSpan(9)));
            Assert.Equal(Two, target[..16]);
            Assert.False(wire.HasRecord);
            Assert.Throws<NothingYetException>(() => wire.Read(target));
        }
    }

    [Fact]
    public async Task A_read_that_waits_fails_when_the_connection_ends()
    {
        var wire = new TlsWire(() => { });
        ValueTask<int> waits = wire.ReadAsync(new byte[10]);
        wire.Abort();
        await Assert.ThrowsAsync<IOException>(async () => await waits);
        await Assert.ThrowsAsync<IOException>(() => wire.ReadAsync(new byte[10]).AsTask());
    }
}
