using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Redis;

/// <summary>What a client has told of itself, and when it came.</summary>
internal sealed class RedisClientInfo(long id, string address, RespLimits limits, HeldBytes held)
{
    private readonly long _since = Stopwatch.GetTimestamp();

    public long Id => id;

    public string Name { get; set; } = "";

    /// <summary>When its writes count as done.</summary>
    public WriteTerms Writes { get; set; }

    /// <summary>Who may answer what it reads.</summary>
    public ReadTerms Reads { get; set; } = limits.Reads;

    /// <summary>What it has seen, while it reads as a session; null: it does not, or has not begun.</summary>
    public IReplicationSession? Session { get; set; }

    /// <summary>2 or 3: the form of replies.</summary>
    public int Protocol { get; set; } = 2;

    /// <summary>It has said the password, or there is none.</summary>
    public bool MayAsk { get; set; } = limits.Password.Length == 0;

    public Transaction Transaction { get; } = new(limits, held);

    /// <summary>It has asked for keys to be watched: EXEC waits for their versions.</summary>
    public bool HasWatched { get; set; }

    /// <summary>As it was when it came.</summary>
    public void Reset()
    {
        (Name, Writes, Reads, Protocol, MayAsk, HasWatched) = ("", default, limits.Reads, 2, limits.Password.Length == 0, false);
        Session = null;
        Transaction.Close();
    }

    public string Describe() => $"id={id} addr={address} name={Name} age={(long)Stopwatch.GetElapsedTime(_since).TotalSeconds} db=0 resp={Protocol}";
}

/// <summary>Lines for INFO that the node knows and the gateway does not.</summary>
internal sealed record RedisServerFacts(string Version, string Engine, int Port, Func<IEnumerable<string>> Lines);

/// <summary>The commands about the server itself: HELLO, COMMAND, CONFIG, CLIENT, INFO.</summary>
internal sealed class RedisServer(RedisServerFacts facts, RespLimits limits)
{
    /// <summary>The Redis version whose replies these are; clients choose features by it.</summary>
    private const string SpokenVersion = "7.0.0";

    private readonly ConcurrentDictionary<long, RedisClientInfo> _clients = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _lastClient;

    /// <summary>Where the SCANs of this node's clients go on.</summary>
    public ScanCursors Cursors { get; } = new();

    /// <summary>Whether these are the one user's name and password; takes the same time for every wrong password.</summary>
    public bool TryAuthenticate(ReadOnlySpan<byte> user, ReadOnlySpan<byte> password, RedisClientInfo client)
    {
        bool right = limits.Password.Length == 0
            || CryptographicOperations.FixedTimeEquals(SHA256.HashData(password), SHA256.HashData(Encoding.UTF8.GetBytes(limits.Password)));
        right &= user.SequenceEqual("default"u8);
        client.MayAsk |= right;
        return right;
    }

    /// <param name="address">Where it comes from.</param>
    /// <param name="held">Counts what is kept for it.</param>
    public RedisClientInfo Connected(string address, HeldBytes held)
    {
        var client = new RedisClientInfo(Interlocked.Increment(ref _lastClient), address, limits, held);
        _clients[client.Id] = client;
        return client;
    }

    public void Disconnected(RedisClientInfo client) => _clients.TryRemove(client.Id, out _);

    public void Answer(RedisCommand known, RespParser command, RedisClientInfo client, IBufferWriter<byte> reply)
    {
        switch (known.Id)
        {
            case RedisCommandId.Hello:
                Hello(command, client, reply);
                break;
            case RedisCommandId.Command:
                Commands(command, client.Protocol, reply);
                break;
            case RedisCommandId.Config:
                Config(command, client.Protocol, reply);
                break;
            case RedisCommandId.Client:
                Client(command, client, reply);
                break;
            case RedisCommandId.Info:
                reply.WriteText(Info(command), client.Protocol);
                break;
            default:
                throw new InvalidOperationException($"{known.Name} is not about the server");
        }
    }

    private void Hello(RespParser command, RedisClientInfo client, IBufferWriter<byte> reply)
    {
        int protocol = client.Protocol;
        if (command.Count > 1)
        {
            if (!ExpiryArguments.TryNumber(command[1], out long wanted))
            {
                reply.WriteError("ERR Protocol version is not an integer or out of range");
                return;
            }

            if (wanted is not (2 or 3))
            {
                reply.WriteError("NOPROTO unsupported protocol version");
                return;
            }

            protocol = (int)wanted;
        }

        for (int i = 2; i < command.Count; i++)
        {
            if (Ascii.EqualsIgnoreCase(command[i], "AUTH"u8) && i + 2 < command.Count)
            {
                if (!TryAuthenticate(command[++i], command[++i], client))
                {
                    reply.WriteError(RedisErrors.WrongPassword);
                    return;
                }
            }
            else if (!Ascii.EqualsIgnoreCase(command[i], "SETNAME"u8) || i + 1 == command.Count)
            {
                reply.WriteError($"ERR Syntax error in HELLO option '{RedisErrors.Quote(command[i])}'");
                return;
            }
            else if (!SetName(command[++i], client, reply))
            {
                return;
            }
        }

        if (!client.MayAsk)
        {
            reply.WriteError("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time");
            return;
        }

        client.Protocol = protocol;
        DescribeSelf(client, reply);
    }

    private static void DescribeSelf(RedisClientInfo client, IBufferWriter<byte> reply)
    {
        reply.WriteMapHeader(7, client.Protocol);
        reply.WriteBulk("server"u8);
        reply.WriteBulk("actorrepl"u8);
        reply.WriteBulk("version"u8);
        reply.WriteBulk(SpokenVersion);
        reply.WriteBulk("proto"u8);
        reply.WriteInteger(client.Protocol);
        reply.WriteBulk("id"u8);
        reply.WriteInteger(client.Id);
        reply.WriteBulk("mode"u8);
        reply.WriteBulk("standalone"u8);
        reply.WriteBulk("role"u8);
        reply.WriteBulk("master"u8);
        reply.WriteBulk("modules"u8);
        reply.WriteArrayHeader(0);
    }

    private static void Commands(RespParser command, int protocol, IBufferWriter<byte> reply)
    {
        if (command.Count == 1)
        {
            reply.WriteArrayHeader(RedisCommand.All.Count);
            foreach (RedisCommand known in RedisCommand.All)
                Describe(known, protocol, reply);
        }
        else if (Ascii.EqualsIgnoreCase(command[1], "COUNT"u8))
        {
            reply.WriteInteger(RedisCommand.All.Count);
        }
        else if (Ascii.EqualsIgnoreCase(command[1], "DOCS"u8))
        {
            reply.WriteArrayHeader(0);
        }
        else if (Ascii.EqualsIgnoreCase(command[1], "LIST"u8))
        {
            reply.WriteArrayHeader(RedisCommand.All.Count);
            foreach (RedisCommand known in RedisCommand.All)
                reply.WriteBulk(known.Name);
        }
        else if (Ascii.EqualsIgnoreCase(command[1], "INFO"u8))
        {
            reply.WriteArrayHeader(command.Count - 2);
            for (int i = 2; i < command.Count; i++)
                Describe(RedisCommand.Find(command[i]), protocol, reply);
        }
        else
        {
            reply.WriteError(RedisErrors.UnknownSubcommand(command[1], "command"));
        }
    }

    private static void Describe(RedisCommand? known, int protocol, IBufferWriter<byte> reply)
    {
        if (known is null)
        {
            reply.WriteNilArray(protocol);
            return;
        }

        reply.WriteArrayHeader(6);
        reply.WriteBulk(known.Name);
        reply.WriteInteger(known.Arity);
        reply.WriteSetHeader(known.Flags.Length, protocol);
        foreach (string flag in known.Flags)
            reply.WriteSimple(flag);
        reply.WriteInteger(known.FirstKey);
        reply.WriteInteger(known.LastKey);
        reply.WriteInteger(known.Step);
    }

    private void Config(RespParser command, int protocol, IBufferWriter<byte> reply)
    {
        if (!Ascii.EqualsIgnoreCase(command[1], "GET"u8))
        {
            reply.WriteError(RedisErrors.UnknownSubcommand(command[1], "config"));
            return;
        }

        if (command.Count == 2)
        {
            reply.WriteError(RedisErrors.WrongArity("config|get"));
            return;
        }

        (string Name, string Value)[] settings =
        [
            ("appendfsync", "always"), ("appendonly", "yes"), ("databases", "1"), ("maxmemory", "0"), ("port", $"{facts.Port}"),
            ("proto-max-bulk-len", $"{limits.MaxBulkBytes}"), ("save", ""), ("timeout", $"{(long)limits.IdleTimeout.TotalSeconds}"),
        ];
        var matching = new SortedSet<(string Name, string Value)>();
        for (int i = 2; i < command.Count; i++)
        {
            // No setting has so long a name.
            if (command[i].Length > RedisGlob.MostBytes)
                continue;
            var pattern = new RedisGlob(Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(command[i]).ToLowerInvariant()));
            matching.UnionWith(settings.Where(setting => pattern.Matches(Encoding.ASCII.GetBytes(setting.Name))));
        }

        reply.WriteMapHeader(matching.Count, protocol);
        foreach ((string name, string value) in matching)
        {
            reply.WriteBulk(name);
            reply.WriteBulk(value);
        }
    }

    private void Client(RespParser command, RedisClientInfo client, IBufferWriter<byte> reply)
    {
        if (Ascii.EqualsIgnoreCase(command[1], "SETNAME"u8) && command.Count == 3)
        {
            if (SetName(command[2], client, reply))
                reply.Write("+OK\r\n"u8);
        }
        else if (Ascii.EqualsIgnoreCase(command[1], "SETINFO"u8) && command.Count == 4)
            reply.Write("+OK\r\n"u8);
        else if (Ascii.EqualsIgnoreCase(command[1], "GETNAME"u8) && client.Name.Length == 0)
            reply.WriteNil(client.Protocol);
        else if (Ascii.EqualsIgnoreCase(command[1], "GETNAME"u8))
            reply.WriteBulk(client.Name);
        else if (Ascii.EqualsIgnoreCase(command[1], "ID"u8))
            reply.WriteInteger(client.Id);
        else if (Ascii.EqualsIgnoreCase(command[1], "INFO"u8))
            reply.WriteText(client.Describe() + "\n", client.Protocol);
        else if (Ascii.EqualsIgnoreCase(command[1], "LIST"u8))
            reply.WriteText(string.Concat(_clients.Values.OrderBy(one => one.Id).Select(one => one.Describe() + "\n")), client.Protocol);
        else
            reply.WriteError(RedisErrors.UnknownSubcommand(command[1], "client"));
    }

    private static bool SetName(ReadOnlySpan<byte> name, RedisClientInfo client, IBufferWriter<byte> reply)
    {
        const int Longest = 256;
        if (name.Length > Longest || name.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
        {
            reply.WriteError("ERR Client names cannot contain spaces, newlines or special characters.");
            return false;
        }

        client.Name = Encoding.ASCII.GetString(name);
        return true;
    }

    private string Info(RespParser command)
    {
        var sections = new List<(string Name, IEnumerable<string> Lines)>
        {
            ("Server",
            [
                $"redis_version:{SpokenVersion}", "redis_mode:standalone", $"actorrepl_version:{facts.Version}", $"actorrepl_engine:{facts.Engine}",
                $"process_id:{Environment.ProcessId}", $"tcp_port:{facts.Port}", $"uptime_in_seconds:{(long)Stopwatch.GetElapsedTime(_started).TotalSeconds}",
            ]),
            ("Clients", [$"connected_clients:{_clients.Count}"]),
            ("Memory", [$"used_memory:{GC.GetTotalMemory(false)}", $"used_memory_rss:{Environment.WorkingSet}"]),
            ("Persistence", ["loading:0", "aof_enabled:1"]),
            ("Replication", ["role:master", "connected_slaves:0"]),
            ("ActorRepl", facts.Lines()),
        };
        var wanted = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (int i = 1; i < command.Count; i++)
            wanted.Add(Encoding.UTF8.GetString(command[i]));
        bool all = wanted.Count == 0 || wanted.Overlaps(["all", "default", "everything"]);
        return string.Join("\r\n", sections.Where(section => all || wanted.Contains(section.Name))
            .Select(section => $"# {section.Name}\r\n{string.Concat(section.Lines.Select(line => line + "\r\n"))}"));
    }
}
