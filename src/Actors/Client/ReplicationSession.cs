using ActorRepl.Actors.Routing;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Actors.Client;

/// <summary>
/// Numbers commands per shard. What has an unknown outcome is sent again under its number until the deadline; the machine
/// applies it once.
/// </summary>
internal sealed class ReplicationSession : IReplicationSession
{
    // Below what a SessionMachine keeps for one session, so that a slow command does not make the others fail.
    private const int MaxUnderWay = 512;

    private readonly ReplicationClient _client;
    private readonly GroupInfo _group;
    private readonly Shard[] _shards;

    public ReplicationSession(ReplicationClient client, GroupInfo group)
    {
        _client = client;
        _group = group;
        _shards = [.. Enumerable.Range(0, group.Shards).Select(_ => new Shard(Id))];
    }

    public Guid Id { get; } = Guid.NewGuid();

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
            long sequence = numbering.Begin();
            (ReadOnlyMemory<byte> result, Rejection? why, bool again) answer;
            try
            {
                answer = await SendAsync(numbering, sequence, number, command, concern, deadline, cancellation).ConfigureAwait(false);
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

    /// <summary>Sends one numbered command until its outcome is known or time is up; says whether it was sent more than once.</summary>
    private async ValueTask<(ReadOnlyMemory<byte> Result, Rejection? Why, bool Again)> SendAsync(
        Numbering numbering, long sequence, int shard, byte[] command, WriteConcern concern, long deadline, CancellationToken cancellation)
    {
        bool again = false;
        while (true)
        {
            byte[] payload = CommandEnvelope.Encode(numbering.Stamp(sequence), command);
            try
            {
                var options = new RequestOptions { Timeout = TimeSpan.FromMilliseconds(Math.Max(1, Left(deadline))), Concern = concern };
                ReadOnlyMemory<byte> result = await _client.Call(_group.Name, shard, RequestKind.Command, payload, options, cancellation).ConfigureAwait(false);
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

    private static ReplicationException Failure(in Rejection why) => new(why, Explain.Rejection(why));

    private sealed class Shard(Guid id)
    {
        private Numbering _numbering = new(id);

        public SemaphoreSlim UnderWay { get; } = new(MaxUnderWay);

        public Numbering Numbering => Volatile.Read(ref _numbering);

        public void Renew(Numbering expired) => Interlocked.CompareExchange(ref _numbering, new Numbering(Guid.NewGuid()), expired);
    }

    /// <summary>The numbers of one client id on one shard.</summary>
    private sealed class Numbering(Guid client)
    {
        private readonly SortedSet<long> _incomplete = [];
        private readonly Lock _lock = new();
        private long _last;

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
                return new SessionStamp(client, sequence, _incomplete.Min);
        }
    }
}
