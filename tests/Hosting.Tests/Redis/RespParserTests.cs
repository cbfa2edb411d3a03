using System.Text;
using ActorRepl.Hosting.Redis;

namespace ActorRepl.Hosting.Tests.Redis;

public sealed class RespParserTests
{
    private static readonly RespLimits Limits = new() { MaxArguments = 100, MaxCommandBytes = 8192, MaxValueBytes = 2048, BulkSlackBytes = 16, MaxInlineBytes = 256 };

    [Theory]
    [InlineData("*1\r\n$4\r\nPING\r\n", "PING")]
    [InlineData("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nbc\r\n", "SET|k|a\r\nbc")]
    [InlineData("*2\r\n$3\r\nGET\r\n$0\r\n\r\n", "GET|")]
    [InlineData("PING\r\n", "PING")]
    [InlineData("  set  key 'a b' \"c\\x41\\n\"\n", "set|key|a b|cA\n")]
    [InlineData("echo \"\"\r\n", "echo|")]
    public void A_command_is_read_whole_wherever_its_bytes_are_cut(string text, string expected)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        for (int first = 0; first <= bytes.Length; first++)
        {
            for (int second = first; second <= bytes.Length; second++)
            {
                var parser = new RespParser(Limits);
                if (first < bytes.Length)
                    Assert.Equal(ParseStatus.Incomplete, parser.Parse(bytes.AsMemory(0, first)));
                if (second < bytes.Length)
                    Assert.Equal(ParseStatus.Incomplete, parser.Parse(bytes.AsMemory(0, second)));
                ParseStatus last = parser.Parse(bytes);
                Assert.Equal(ParseStatus.Command, last);
                Assert.Equal(expected, Joined(parser));
                Assert.Equal(bytes.Length, parser.Consumed);
            }
        }
    }

    [Fact]
    public void Commands_follow_each_other_in_one_buffer()
    {
        byte[] bytes = "PING\r\n\r\n*0\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nQUIT\r\n"u8.ToArray();
        ReadOnlyMemory<byte> rest = bytes;
        var seen = new List<string>();
        var parser = new RespParser(Limits);
        while (!rest.IsEmpty)
        {
            ParseStatus status = parser.Parse(rest);
            seen.Add(status == ParseStatus.Command ? Joined(parser) : status.ToString());
            rest = rest.Slice(parser.Consumed);
        }

        Assert.Equal(["PING", "Nothing", "Nothing", "ECHO|hi", "QUIT"], seen);
    }

    [Theory]
    [InlineData("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2147483648\r\n", "invalid bulk length")]
    [InlineData("*1\r\n$-1\r\n", "invalid bulk length")]
    [InlineData("*1\r\n$x\r\n", "invalid bulk length")]
    [InlineData("*1\r\n$11111111111111111111111111111111111111", "invalid bulk length")]
    [InlineData("*1\r\n$2065\r\n", "invalid bulk length")]
    [InlineData("*1\r\n:1\r\n", "expected '$', got ':'")]
    [InlineData("*1\r\n\u0001", "expected '$', got '?'")]
    [InlineData("*101\r\n", "invalid multibulk length")]
    [InlineData("*2147483648\r\n", "invalid multibulk length")]
    [InlineData("*abc\r\n", "invalid multibulk length")]
    [InlineData("set \"k\r\n", "unbalanced quotes in request")]
    [InlineData("set 'a'b c\r\n", "unbalanced quotes in request")]
    public void What_is_no_RESP_is_refused_in_the_words_of_Redis(string text, string error)
    {
        var parser = new RespParser(Limits);
        Assert.Equal(ParseStatus.Broken, parser.Parse(Encoding.Latin1.GetBytes(text)));
        Assert.Equal(error, parser.Error);
    }

    [Fact]
    public void An_endless_line_and_an_endless_command_are_refused()
    {
        var line = new RespParser(Limits);
        Assert.Equal(ParseStatus.Broken, line.Parse(new byte[300]));
        Assert.Equal("too big inline request", line.Error);

        var many = new RespParser(Limits);
        string bulk = $"$2000\r\n{new string('x', 2000)}\r\n";
        Assert.Equal(ParseStatus.Broken, many.Parse(Encoding.ASCII.GetBytes("*6\r\n" + string.Concat(Enumerable.Repeat(bulk, 5)))));
        Assert.Equal("a command is longer than 8192 bytes", many.Error);
    }

    [Fact]
    public void Garbage_is_never_more_than_a_command_or_an_error()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        byte[] alphabet = "*$123\r\n\"' PINGx\0\u00ff"u8.ToArray();
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = new byte[random.Next(1, 60)];
            for (int i = 0; i < bytes.Length; i++)
                bytes[i] = alphabet[random.Next(alphabet.Length)];
            try
            {
                AssertSameWhenCut(bytes, random.Next(bytes.Length + 1));
            }
            catch (Exception failure)
            {
                Assert.Fail($"seed {seed}, round {round}, bytes {Convert.ToHexString(bytes)}: {failure.Message}");
            }
        }
    }

    /// <summary>Reads everything twice: in one piece, and in two with a wait between them.</summary>
    private static void AssertSameWhenCut(byte[] bytes, int cut)
    {
        List<string> whole = ReadAll(new RespParser(Limits), bytes, out _);
        var parser = new RespParser(Limits);
        List<string> parts = ReadAll(parser, bytes.AsMemory(0, cut), out int used);
        if (parts.LastOrDefault()?.StartsWith("broken", StringComparison.Ordinal) != true)
            parts.AddRange(ReadAll(parser, bytes.AsMemory(used), out _));
        Assert.Equal(whole, parts);
    }

    private static List<string> ReadAll(RespParser parser, ReadOnlyMemory<byte> bytes, out int used)
    {
        var read = new List<string>();
        used = 0;
        while (!bytes.IsEmpty)
        {
            ParseStatus status = parser.Parse(bytes);
            if (status == ParseStatus.Incomplete)
                break;

            if (status == ParseStatus.Broken)
            {
                read.Add("broken: " + parser.Error);
                break;
            }

            Assert.InRange(parser.Consumed, 1, bytes.Length);
            if (status == ParseStatus.Command)
                read.Add(Joined(parser));
            used += parser.Consumed;
            bytes = bytes[parser.Consumed..];
        }

        return read;
    }

    private static string Joined(RespParser parser) =>
        string.Join('|', Enumerable.Range(0, parser.Count).Select(i => Encoding.Latin1.GetString(parser[i])));
}
