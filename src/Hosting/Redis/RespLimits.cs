namespace ActorRepl.Hosting.Redis;

/// <summary>What one Redis connection may ask of a node; see hocon/reference.conf, <c>actorrepl.redis</c>.</summary>
public sealed record RespLimits
{
    /// <summary>The longest command, in bytes, of who has not said the password; one argument of Redis's then.</summary>
    public const int StrangersBytes = 16 * 1024;

    /// <summary>The most arguments of such a command, its name included; Redis's own limit.</summary>
    public const int StrangersArguments = 10;

    /// <summary>The longest key, in bytes; <c>actorrepl.max-key-bytes</c>.</summary>
    public int MaxKeyBytes { get; init; } = 1024;

    /// <summary>The longest value, in bytes; <c>actorrepl.max-value-bytes</c>.</summary>
    public int MaxValueBytes { get; init; } = 1024 * 1024;

    /// <summary>
    /// How much longer than a value a bulk string may be and still be read, so that a value that is a little too long is
    /// refused by name and the connection lives on. Bytes.
    /// </summary>
    public int BulkSlackBytes { get; init; } = 64 * 1024;

    /// <summary>The longest command, in bytes.</summary>
    public int MaxCommandBytes { get; init; } = 1152 * 1024;

    /// <summary>The most arguments of a command, its name included.</summary>
    public int MaxArguments { get; init; } = 16 * 1024;

    /// <summary>The longest inline command, in bytes; Redis's own limit.</summary>
    public int MaxInlineBytes { get; init; } = 64 * 1024;

    /// <summary>The most commands of a pipeline that are under way together.</summary>
    public int MaxChunkCommands { get; init; } = 128;

    /// <summary>The most bytes of a pipeline that are under way together, as long as single commands allow it.</summary>
    public int MaxChunkBytes { get; init; } = 256 * 1024;

    /// <summary>How long commands may wait for the answers to those before them, of all clients, so as to travel together; whole ms.</summary>
    public TimeSpan GatherFor { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>How long a client may leave its replies unread before the connection is closed.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A connection whose client says nothing for this long is closed; zero: never.</summary>
    public TimeSpan IdleTimeout { get; init; }

    /// <summary>A connection is closed when a command that has begun does not go on for this long.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a TLS handshake may take.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The most bytes that are held for all clients together, in commands that have not come whole and replies that are not taken.</summary>
    public long MaxHeldBytes { get; init; } = 512L << 20;

    /// <summary>The longest reply to one command; an MGET of more is refused. Bytes.</summary>
    public long MaxReplyBytes { get; init; } = 64L << 20;

    /// <summary>What a client has to say with AUTH before anything else; empty: nothing.</summary>
    public string Password { get; init; } = "";

    /// <summary>How a connection reads that has not said READ.</summary>
    internal ReadTerms Reads { get; init; }

    public int MaxBulkBytes => MaxValueBytes + BulkSlackBytes;
}
