using Akka.Actor;
using Akka.Configuration;

namespace Akka.Remote;

/// <summary>The settings under <c>akka.remote</c> that the engine reads.</summary>
public class RemoteSettings
{
    public RemoteSettings(Config config)
    {
        Config = config;
        RetryGateClosedFor = config.GetTimeSpan("akka.remote.retry-gate-closed-for");
        FlushWait = config.GetTimeSpan("akka.remote.flush-wait-on-shutdown");
        RemoteLifecycleEventsLogLevel = config.GetString("akka.remote.log-remote-lifecycle-events").ToUpperInvariant() switch
        {
            "ON" or "TRUE" => "DEBUG",
            "FALSE" => "OFF",
            var level => level,
        };
        WatchHeartBeatInterval = config.GetTimeSpan("akka.remote.watch-failure-detector.heartbeat-interval");
        WatchHeartbeatExpectedResponseAfter = config.GetTimeSpan("akka.remote.watch-failure-detector.expected-response-after");
        WatchUnreachableReaperInterval = config.GetTimeSpan("akka.remote.watch-failure-detector.unreachable-nodes-reaper-interval");
        WatchFailureDetectorImplementationClass = config.GetString("akka.remote.watch-failure-detector.implementation-class");
        WatchFailureDetectorConfig = config.GetConfig("akka.remote.watch-failure-detector");
        Tcp = new TcpSettings(config);
    }

    public Config Config { get; }

    /// <summary>How long nothing is sent to an address after a failed or lost connection.</summary>
    public TimeSpan RetryGateClosedFor { get; set; }

    /// <summary>How long shutdown waits for pending writes.</summary>
    public TimeSpan FlushWait { get; set; }

    /// <summary>OFF, or the level lifecycle events are logged at.</summary>
    public string RemoteLifecycleEventsLogLevel { get; set; }
    public TimeSpan WatchHeartBeatInterval { get; set; }
    public TimeSpan WatchHeartbeatExpectedResponseAfter { get; set; }
    public TimeSpan WatchUnreachableReaperInterval { get; set; }
    public string WatchFailureDetectorImplementationClass { get; set; }
    public Config WatchFailureDetectorConfig { get; set; }
    internal TcpSettings Tcp { get; }
}

/// <summary>The settings under <c>akka.remote.dot-netty.tcp</c>, and the limits of an outbound queue.</summary>
internal sealed class TcpSettings
{
    public TcpSettings(Config config)
    {
        var tcp = config.GetConfig("akka.remote.dot-netty.tcp");
        Hostname = tcp.GetString("hostname") ?? "";
        PublicHostname = tcp.GetString("public-hostname") ?? "";
        Port = Port16(tcp.GetInt("port"), "port");
        PublicPort = Port16(tcp.GetInt("public-port"), "public-port");
        MaximumFrameSize = Size(tcp, "maximum-frame-size");
        if (MaximumFrameSize < 32_000)
            throw new ConfigurationException($"akka.remote.dot-netty.tcp.maximum-frame-size is {MaximumFrameSize} bytes; it must be at least 32000");
        SendBufferSize = Size(tcp, "send-buffer-size");
        ReceiveBufferSize = Size(tcp, "receive-buffer-size");
        ConnectionTimeout = tcp.GetTimeSpan("connection-timeout");
        Backlog = tcp.GetInt("backlog");
        NoDelay = tcp.GetBoolean("tcp-nodelay");
        HeartbeatInterval = config.GetTimeSpan("akka.remote.transport-failure-detector.heartbeat-interval");
        AcceptableHeartbeatPause = config.GetTimeSpan("akka.remote.transport-failure-detector.acceptable-heartbeat-pause");
        QueueMessages = config.GetInt("akka.remote.embedded.outbound-queue-messages");
        QueueBytes = config.GetByteSize("akka.remote.embedded.outbound-queue-bytes") ?? 0;
        if (QueueMessages < 1 || QueueBytes < MaximumFrameSize)
            throw new ConfigurationException(
                $"akka.remote.embedded.outbound-queue-messages is {QueueMessages} and outbound-queue-bytes {QueueBytes}; they must be at least 1 and the maximum-frame-size of {MaximumFrameSize}");
    }

    public string Hostname { get; }
    public string PublicHostname { get; }
    public int Port { get; }
    public int PublicPort { get; }

    /// <summary>Largest payload, in bytes.</summary>
    public int MaximumFrameSize { get; }
    public int SendBufferSize { get; }
    public int ReceiveBufferSize { get; }
    public TimeSpan ConnectionTimeout { get; }
    public int Backlog { get; }
    public bool NoDelay { get; }
    public TimeSpan HeartbeatInterval { get; }
    public TimeSpan AcceptableHeartbeatPause { get; }

    /// <summary>Messages that may wait for one remote system.</summary>
    public int QueueMessages { get; }

    /// <summary>Bytes of messages that may wait for one remote system.</summary>
    public long QueueBytes { get; }

    private static int Port16(int port, string name) =>
        port is >= 0 and <= 65535 ? port : throw new ConfigurationException($"akka.remote.dot-netty.tcp.{name} is {port}; it must be 0 to 65535");

    private static int Size(Config tcp, string name) =>
        tcp.GetByteSize(name) is { } bytes and >= 0 and <= int.MaxValue / 2
            ? (int)bytes
            : throw new ConfigurationException($"akka.remote.dot-netty.tcp.{name} must be a size of 0 to {int.MaxValue / 2} bytes");
}
