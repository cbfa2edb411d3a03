using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Crdt;

/// <summary>The commands of Redis that a CRDT group serves.</summary>
[Collection(nameof(Processes.Processes))]
public sealed class CrdtCommandTests(SharedCrdtNode shared) : IClassFixture<SharedCrdtNode>
{
    private readonly CrdtNode _node = shared.Node;

    [Fact]
    public async Task Each_is_answered_as_redis_does()
    {
        using RawConnection redis = await _node.Redis.ConnectAsync();
        foreach ((string command, string reply) in ((string, string)[])
            [
                ("GET n", "$-1\r\n"), ("TYPE n", "+none\r\n"), ("INCR n", ":1\r\n"), ("INCRBY n 41", ":42\r\n"), ("DECR n", ":41\r\n"), ("DECRBY n 2", ":39\r\n"), ("GET n", "$2\r\n39\r\n"), ("TYPE n", "+string\r\n"),
                ("SADD s a b a", ":2\r\n"), ("SADD s b c", ":1\r\n"), ("SCARD s", ":3\r\n"), ("SISMEMBER s c", ":1\r\n"), ("SREM s a zz", ":1\r\n"), ("SISMEMBER s a", ":0\r\n"),
                ("SMEMBERS s", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"), ("SMEMBERS none", "*0\r\n"), ("TYPE s", "+set\r\n"),
                ("HSET h f 1 g 2", ":2\r\n"), ("HSET h2 a 1 a 2", ":1\r\n"), ("HSET h f 3 i 4", ":1\r\n"), ("HGET h f", "$1\r\n3\r\n"), ("HGET h nosuch", "$-1\r\n"), ("HLEN h", ":3\r\n"), ("HDEL h g nosuch", ":1\r\n"),
                ("HGETALL h", "*4\r\n$1\r\nf\r\n$1\r\n3\r\n$1\r\ni\r\n$1\r\n4\r\n"), ("TYPE h", "+hash\r\n"),
                ("DEL s h n nosuch", ":3\r\n"), ("SCARD s", ":0\r\n"), ("HGETALL h", "*0\r\n"), ("TYPE n", "+none\r\n"), ("PING", "+PONG\r\n"),
            ])
        {
            await redis.CommandAsync(command.Split(' '));
            Assert.Equal((command, reply), (command, await redis.ReadReplyAsync()));
        }
    }

    [Fact]
    public async Task Commands_sent_together_are_answered_in_their_order_and_see_those_before()
    {
        using RawConnection redis = await _node.Redis.ConnectAsync();
        await redis.SendAsync(string.Concat(Enumerable.Range(0, 200).Select(i => $"INCR many\r\nSADD all {i}\r\nGET many\r\n")));
        for (int i = 0; i < 200; i++)
        {
            string number = $"{i + 1}";
            await redis.ExpectAsync($":{number}\r\n:1\r\n${number.Length}\r\n{number}\r\n");
        }

        await redis.CommandAsync("SCARD", "all");
        await redis.ExpectAsync(":200\r\n");
    }

    [Theory]
    [InlineData("SET a 1", "-ERR 'set' is not offered by a CRDT group: INCR, INCRBY")]
    [InlineData("EXPIRE a 1", "-ERR 'expire' is not offered by a CRDT group")]
    [InlineData("MULTI", "-ERR 'multi' is not offered by a CRDT group")]
    [InlineData("INCRBY a x", "-ERR value is not an integer or out of range")]
    [InlineData("DECRBY a -9223372036854775808", "-ERR decrement would overflow")]
    [InlineData("SADD a", "-ERR wrong number of arguments for 'sadd' command")]
    [InlineData("HSET a f", "-ERR wrong number of arguments for 'hset' command")]
    [InlineData("LPUSH a f", "-ERR unknown command 'LPUSH'")]
    public async Task What_it_cannot_do_it_refuses(string command, string error)
    {
        using RawConnection redis = await _node.Redis.ConnectAsync();
        await redis.CommandAsync(command.Split(' '));
        Assert.StartsWith(error, await redis.ReadLineAsync(), StringComparison.Ordinal);
    }
}
