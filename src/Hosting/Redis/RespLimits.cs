namespace ActorRepl.Hosting.Redis;

/// <summary>What one Redis connection may ask of a node; see hocon/reference.conf, <c>actorrepl.redis</c>.</summary>
public sealed record RespLimits
{
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

    /// <summary>What a client has to say with AUTH before anything else; empty: nothing.</summary>
    public string Password { get; init; } = "";

    public int MaxBulkBytes => MaxValueBytes + BulkSlackBytes;
}
