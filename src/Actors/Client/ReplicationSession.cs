using ActorRepl.Actors.Routing;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Actors.Client;

/// <summary>
/// Numbers commands per shard. What has an unknown outcome is sent again under its number until the deadline; the machine
/// applies it once. Notes from each answer where the shard's history stood, so that reads wait for it wherever they go.
/// </summary>
internal sealed class ReplicationSession : IReplicationSession
{
    // Below what a SessionMachine keeps for one session, so that a slow command does not make the others fail.
    private const int MaxUnderWay = 512;

    private readonly ReplicationClient _client;
    private readonly GroupInfo _group;
    private readonly Shard[] _shards;

    private static readonly TimeSpan ProofPause = TimeSpan.FromMilliseconds(20), MostProofPause = TimeSpan.FromMilliseconds(320);

    public ReplicationSession(ReplicationClient client, GroupInfo group, string? token = null)
    {
        _client = client;
        _group = group;
        _shards = [.. Enumerable.Range(0, group.Shards).Select(_ => new Shard(Id))];
        foreach ((int shard, LogPosition position) in token is null ? [] : SessionToken.Read(token, group))
            _shards[shard].Seen.Saw(position);
    }

    public Guid Id { get; } = Guid.NewGuid();

    public string Token => SessionToken.Write(_group.Name, _shards.SelectMany((shard, number) => shard.Seen.All.Select(position => (number, position))));

    public void Forget(ReadOnlyMemory<byte> key) => _shards[_group.ShardOf(key.Span)].Seen.Forget();

    public async ValueTask<ReadOnlyMemory<byte>> QueryAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        if (options?.ReadKind is not (null or RequestKind.Read or RequestKind.SessionRead) || options?.AtLeast is { Index: not 0 })
            throw new ArgumentException($"reads of a session are of kind {RequestKind.SessionRead}, and what they must see is the session's to know", nameof(options));
        int number = _group.ShardOf(key.Span);
        SeenPositions seen = _shards[number].Seen;
        long deadline = Environment.TickCount64 + _client.Millis(options);
        byte[] kept = query.ToArray();
        TimeSpan pause = ProofPause;
        while (seen.Unproven is { } earlier)
        {
            if (await ProveAsync(number, seen, earlier, kept, deadline, cancellation).ConfigureAwait(false))
                continue;
            // Who answered led before, and does not know that it is over.
            await Task.Delay(pause, cancellation).ConfigureAwait(false);
            pause = TimeSpan.FromMilliseconds(Math.Min(2 * pause.TotalMilliseconds, MostProofPause.TotalMilliseconds));
        }

        RequestOptions terms = SessionRead(deadline, seen.Newest, options?.ReadFrom ?? default);
        return await _client.Call(_group.Name, number, RequestKind.SessionRead, kept, terms, cancellation, seen).ConfigureAwait(false);
    }

    /// <summary>
    /// Makes sure that what was seen in an earlier term has survived: the leader has it in a history that has the newest position, too. False: not yet.
    /// </summary>
    /// <exception cref="ReplicationException">It was lost, or nobody can tell in time.</exception>
    private async ValueTask<bool> ProveAsync(int shard, SeenPositions seen, LogPosition earlier, byte[] query, long deadline, CancellationToken cancellation)
    {
        long newest = seen.Newest.Term;
        var proof = new SeenPositions();
        RequestOptions terms = SessionRead(deadline, earlier, ReadFrom.Primary);
        await _client.Call(_group.Name, shard, RequestKind.SessionRead, query, terms, cancellation, proof).ConfigureAwait(false);
        if (proof.Newest.Term >= newest)
            seen.Prove(earlier);
        else if (Left(deadline) == 0)
            throw Failure(new Rejection(RejectReason.TooStale, Detail: $"no leader of term {newest} or later answered in time"));
        return proof.Newest.Term >= newest;
    }

    private static RequestOptions SessionRead(long deadline, LogPosition atLeast, ReadFrom from) => new()
    {
        ReadKind = RequestKind.SessionRead,
        ReadFrom = from,
        AtLeast = atLeast,
        Timeout = TimeSpan.FromMilliseconds(Math.Max(1, Left(deadline))),
    };

    public ValueTask<ReadOnlyMemory<byte>> SendAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        int shard = _group.ShardOf(key.Span);
        return _client.Call(_group.Name, shard, RequestKind.Command, CommandEnvelope.Encode(command.Span), options, cancellation, _shards[shard].Seen);
    }

    public async ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        int number = _group.ShardOf(key.Span);
        Shard shard = _shards[number];
        long deadline = Environment.TickCount64 + _client.Millis(options);
        byte[] kept = command.ToArray();
        if (!await shard.UnderWay.WaitAsync(Left(deadline), cancellation).ConfigureAwait(false))
            throw Failure(new Rejection(RejectReason.Overloaded, Detail: $"{MaxUnderWay} commands of the session are under way"));
        try
        {
            return await ExecuteAsync(shard, number, kept, options?.Concern ?? default, deadline, cancellation).ConfigureAwait(false);
        }
        finally
        {
            shard.UnderWay.Release();
        }
    }

    private async ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
        Shard shard, int number, byte[] command, WriteConcern concern, long deadline, CancellationToken cancellation)
    {
        while (true)
        {
            Numbering numbering = shard.Numbering;
            if (!numbering.IsOpened)
                await OpenAsync(shard.Seen, numbering, number, deadline, cancellation).ConfigureAwait(false);
            long sequence = numbering.Begin();
            (ReadOnlyMemory<byte> result, Rejection? why, bool again) answer;
            try
            {
                answer = await SendAsync(shard.Seen, numbering, sequence, number, command, concern, deadline, cancellation).ConfigureAwait(false);
            }
            finally
            {
                numbering.End(sequence);
            }

            if (answer.why is not { } rejection)
                return answer.result;
            if (rejection.Reason != RejectReason.SessionExpired || answer.again)
                throw Failure(rejection);

            // The session was not known and the command had been sent but once: it has not been applied, so start anew.
            shard.Renew(numbering);
            if (Left(deadline) == 0)
                throw Failure(rejection with { OutcomeUnknown = false });
        }
    }

    /// <summary>Has the session opened before its first command; whoever comes meanwhile waits for that.</summary>
    private async ValueTask OpenAsync(SeenPositions seen, Numbering numbering, int shard, long deadline, CancellationToken cancellation)
    {
        if (!await numbering.Opening.WaitAsync(Left(deadline), cancellation).ConfigureAwait(false))
            throw Failure(new Rejection(RejectReason.NoQuorum, Detail: "the session was not opened in time; nothing was done"));
        try
        {
            while (!numbering.IsOpened)
                await TryOpenAsync(seen, numbering, shard, deadline, cancellation).ConfigureAwait(false);
        }
        finally
        {
            numbering.Opening.Release();
        }
    }

    private async ValueTask TryOpenAsync(SeenPositions seen, Numbering numbering, int shard, long deadline, CancellationToken cancellation)
    {
        try
        {
            var options = new RequestOptions { Timeout = TimeSpan.FromMilliseconds(Math.Max(1, Left(deadline))) };
            ReadOnlyMemory<byte> result = await _client
                .Call(_group.Name, shard, RequestKind.Command, CommandEnvelope.Open(numbering.Client), options, cancellation, seen).ConfigureAwait(false);
            if (SessionReply.Rejects(ref result) is { } why)
                throw Failure(why);
            numbering.Opened(CommandEnvelope.DecodeOpened(result));
        }
        catch (ReplicationException failure) when (failure.Rejection.OutcomeUnknown)
        {
            // Opened twice, it is one and the same; of the command that waits for it nothing is done.
            if (Left(deadline) == 0)
                throw Failure(failure.Rejection with { OutcomeUnknown = false });
        }
    }

    /// <summary>Sends one numbered command until its outcome is known or time is up; says whether it was sent more than once.</summary>
    private async ValueTask<(ReadOnlyMemory<byte> Result, Rejection? Why, bool Again)> SendAsync(
        SeenPositions seen, Numbering numbering, long sequence, int shard, byte[] command, WriteConcern concern, long deadline, CancellationToken cancellation)
    {
        bool again = false;
        while (true)
        {
            byte[] payload = CommandEnvelope.Encode(numbering.Stamp(sequence), command);
            try
            {
                var options = new RequestOptions { Timeout = TimeSpan.FromMilliseconds(Math.Max(1, Left(deadline))), Concern = concern };
                ReadOnlyMemory<byte> result = await _client.Call(_group.Name, shard, RequestKind.Command, payload, options, cancellation, seen).ConfigureAwait(false);
                Rejection? why = SessionReply.Rejects(ref result);
                return (result, again && why is { } rejection ? rejection with { OutcomeUnknown = true } : why, again);
            }
            catch (ReplicationException failure) when (failure.Rejection.OutcomeUnknown && Left(deadline) > 0)
            {
                again = true;
            }
            catch (ReplicationException failure) when (again)
            {
                // Certain of this attempt, but an earlier one may be in a log or on its way.
                return (default, failure.Rejection with { OutcomeUnknown = true }, again);
            }
        }
    }

    private static int Left(long deadline) => (int)Math.Max(0, deadline - Environment.TickCount64);

    private static ReplicationException Failure(in Rejection why) => ReplicationException.Of(why);

    private sealed class Shard(Guid id)
    {
        private Numbering _numbering = new(id);

        public SemaphoreSlim UnderWay { get; } = new(MaxUnderWay);

        public SeenPositions Seen { get; } = new();

        public Numbering Numbering => Volatile.Read(ref _numbering);

        public void Renew(Numbering expired) => Interlocked.CompareExchange(ref _numbering, new Numbering(Guid.NewGuid()), expired);
    }

    /// <summary>The numbers of one client id on one shard.</summary>
    private sealed class Numbering(Guid client)
    {
        private readonly SortedSet<long> _incomplete = [];
        private readonly Lock _lock = new();
        private long _last;
        private long _openedAt;

        public Guid Client => client;

        /// <summary>Held by whoever has the session opened.</summary>
        public SemaphoreSlim Opening { get; } = new(1);

        public bool IsOpened => Volatile.Read(ref _openedAt) > 0;

        public void Opened(long index) => Volatile.Write(ref _openedAt, index);

        public long Begin()
        {
            lock (_lock)
            {
                _incomplete.Add(++_last);
                return _last;
            }
        }

        public void End(long sequence)
        {
            lock (_lock)
                _incomplete.Remove(sequence);
        }

        public SessionStamp Stamp(long sequence)
        {
            lock (_lock)
                return new SessionStamp(client, sequence, _incomplete.Min) { OpenedAt = _openedAt };
        }
    }
}
