using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Multiplex;

/// <summary>
/// What one node has to tell another at a beat: that it is there, what has become of its replicas, and the beats of all
/// shards the two share.
/// <para>Layout: version (1), from (4), incarnation (8), heard incarnation (8), heard news (8); group names, each length (4)
/// and UTF-8; news, each number (8), group (2), shard (4), running (1); beats, each group (2), shard (4), length (4) and
/// the message. Each list begins with its count (4).</para>
/// </summary>
public sealed class NodeBundle
{
    private const byte Version = 1;
    private const int HeaderSize = 1 + sizeof(int) + 3 * sizeof(long) + 3 * sizeof(int);
    private const int NewsSize = sizeof(long) + sizeof(short) + sizeof(int) + 1;
    private const int BeatOverhead = sizeof(short) + 2 * sizeof(int);

    private readonly List<string> _groups = [];

    public NodeBundle(ReplicaId from, long incarnation, long heardIncarnation, long heardNews)
    {
        From = from;
        Incarnation = incarnation;
        HeardIncarnation = heardIncarnation;
        HeardNews = heardNews;
    }

    public ReplicaId From { get; }

    /// <summary>Differs for each start of the sending node; never 0.</summary>
    public long Incarnation { get; }

    /// <summary>The incarnation of the receiving node that the sender has heard last; 0: none.</summary>
    public long HeardIncarnation { get; }

    /// <summary>News of that incarnation up to this number have arrived.</summary>
    public long HeardNews { get; }

    /// <summary>In ascending order of their numbers.</summary>
    public List<ReplicaNews> News { get; } = [];

    public List<ShardBeat> Beats { get; } = [];

    public int EncodedSize { get; private set; } = HeaderSize;

    public void Add(in ReplicaNews news)
    {
        Name(news.Shard.Group);
        News.Add(news);
        EncodedSize += NewsSize;
    }

    public void Add(in ShardBeat beat)
    {
        Name(beat.Shard.Group);
        Beats.Add(beat);
        EncodedSize += BeatOverhead + beat.EncodedSize;
    }

    /// <summary>What a beat adds to the size of a bundle, its group's name apart.</summary>
    public static int SizeOf(in ShardBeat beat) => BeatOverhead + beat.EncodedSize;

    public void Encode(ref ByteWriter writer)
    {
        writer.Byte(Version);
        writer.Int32(From.Value);
        writer.Int64(Incarnation);
        writer.Int64(HeardIncarnation);
        writer.Int64(HeardNews);
        writer.Int32(_groups.Count);
        foreach (string group in _groups)
            writer.Text(group);
        writer.Int32(News.Count);
        foreach (ReplicaNews news in News)
        {
            writer.Int64(news.Number);
            WriteShard(ref writer, news.Shard);
            writer.Byte(news.Running ? (byte)1 : (byte)0);
        }

        writer.Int32(Beats.Count);
        foreach (ShardBeat beat in Beats)
        {
            WriteShard(ref writer, beat.Shard);
            writer.Int32(beat.EncodedSize);
            beat.Encode(ref writer);
        }
    }

    /// <exception cref="InvalidDataException">The bytes are no bundle.</exception>
    public static NodeBundle Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        if (reader.Byte() is var version && version != Version)
            throw new InvalidDataException($"a bundle has version {version}; this build reads {Version}");
        var bundle = new NodeBundle(new ReplicaId(reader.Int32()), reader.Int64(), reader.Int64(), reader.Int64());
        if (bundle.From.Value < 1 || bundle.Incarnation == 0)
            throw new InvalidDataException($"a bundle is from node {bundle.From.Value}, incarnation {bundle.Incarnation}; neither is below 1 or 0");
        var groups = new string[reader.Count(sizeof(int))];
        for (int i = 0; i < groups.Length; i++)
            groups[i] = reader.Text();
        long last = 0;
        for (int left = reader.Count(NewsSize); left > 0; left--)
        {
            var news = new ReplicaNews(reader.Int64(), ReadShard(ref reader, groups), reader.Bool());
            if (news.Number <= last)
                throw new InvalidDataException($"a bundle has news {news.Number} after {last}");
            last = news.Number;
            bundle.Add(news);
        }

        for (int left = reader.Count(BeatOverhead); left > 0; left--)
            bundle.Add(new ShardBeat(ReadShard(ref reader, groups), reader.Bytes()));
        reader.End();
        return bundle;
    }

    // A bundle is of one or two groups: a list is the shortest way to a number.
    private void Name(string group)
    {
        if (_groups.Contains(group))
            return;
        Invariant.That(_groups.Count < short.MaxValue, "a bundle is of few groups");
        _groups.Add(group);
        EncodedSize += sizeof(int) + Encoding.UTF8.GetByteCount(group);
    }

    private void WriteShard(ref ByteWriter writer, in ShardKey shard)
    {
        int group = _groups.IndexOf(shard.Group);
        writer.Byte((byte)group);
        writer.Byte((byte)(group >> 8));
        writer.Int32(shard.Shard);
    }

    private static ShardKey ReadShard(ref ByteReader reader, string[] groups)
    {
        int group = reader.Byte() | (reader.Byte() << 8);
        if (group >= groups.Length)
            throw new InvalidDataException($"a bundle names group {group} of {groups.Length}");
        return new ShardKey(groups[group], reader.Int32());
    }
}

/// <summary>The sending node's replica of a shard has stopped, or runs again.</summary>
public readonly record struct ReplicaNews(long Number, ShardKey Shard, bool Running);

/// <summary>A beat of one shard: a message of its protocol, encoded once it is on the wire.</summary>
public readonly struct ShardBeat
{
    private readonly PeerMessage? _message;
    private readonly ReadOnlyMemory<byte> _bytes;

    public ShardBeat(ShardKey shard, PeerMessage message)
    {
        Shard = shard;
        _message = message;
        EncodedSize = message.EncodedSize;
    }

    public ShardBeat(ShardKey shard, ReadOnlyMemory<byte> bytes)
    {
        Shard = shard;
        _bytes = bytes;
        EncodedSize = bytes.Length;
    }

    public ShardKey Shard { get; }
    public int EncodedSize { get; }

    public ReadOnlyMemory<byte> Bytes => _message?.ToBytes() ?? _bytes;

    internal void Encode(ref ByteWriter writer)
    {
        if (_message is not null)
            _message.Encode(ref writer);
        else
            writer.Raw(_bytes.Span);
    }
}
