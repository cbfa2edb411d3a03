using System.Text;
using ActorRepl.Protocols.Checking;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Simulation.Quorum;

/// <summary>Clients of keys that are only written on conditions and only read as Serial: their history must be linearizable.</summary>
internal sealed class SerialClients(QuorumWorld world, Action<string> count)
{
    private static readonly string[] Keys = ["serial0", "serial1"];

    private readonly HistoryRecorder _history = new();
    private readonly Doubts _doubts = new();
    private long _values;

    public int Busy { get; private set; }
    public bool IsOver { get; set; }

    private DeterministicRandom Random => world.Random;

    public void Begin(int clients)
    {
        for (int client = 0; client < clients; client++)
            Think(client, [.. Keys.Select(_ => "")]);
    }

    /// <exception cref="QuorumRuleBrokenException">No order of what clients did explains what they saw.</exception>
    public void Judge()
    {
        CheckResult result = LinearizabilityChecker.Check(_history.Operations, new CheckerLimits { MaxConfigurations = 500_000 });
        if (result.Verdict == Linearizability.NotLinearizable)
            throw new QuorumRuleBrokenException("linearizability", result.Explanation!);
        if (result.Verdict == Linearizability.Unknown)
            count("histories undecided");
    }

    /// <summary>Once more, when all is healed.</summary>
    public void ReadAll(Action done)
    {
        int left = Keys.Length;
        foreach (string key in Keys)
        {
            int number = _history.Call(99, RecordedAction.Read, key);
            long begun = world.Time;
            ReplicaId owner = new KeyPlacement(world.Ring).Of(Bytes(key)).All[^1];
            world.Submit(owner.Value, Get(key), 5 * Instant.Second, outcome =>
            {
                if (outcome.Reply is null)
                    throw new QuorumRuleBrokenException("availability", $"a Serial read of {key} fails although everything is healed: {outcome.Why!.Value.Detail}");
                string value = ValueOf(key, outcome.Reply);
                _history.Return(number, value);
                _doubts.Seen(key, value, begun, world.Time);
                if (--left == 0)
                    done();
            });
        }
    }

    private void Think(int client, string[] seen)
    {
        if (!IsOver)
            world.After(1 + Random.Next(60 * Instant.Millisecond), () => Act(client, seen));
    }

    private void Act(int client, string[] seen)
    {
        if (IsOver)
            return;
        Busy++;
        int place = (int)Random.Next(Keys.Length);
        string key = Keys[place];
        if (Random.Chance(1, 3))
        {
            Read(client, seen, place, AnyNode(), _history.Call(client, RecordedAction.Read, key), world.Time, attempts: 3);
            return;
        }

        bool isDelete = seen[place].Length > 0 && Random.Chance(1, 6);
        string value = isDelete ? "" : $"{client}.{++_values}", expected = seen[place];
        byte[] id = new byte[16];
        BitConverter.TryWriteBytes(id, Random.NextUInt64() | 1);
        var request = new QuorumRequest(isDelete ? QuorumOperation.CompareAndDelete : QuorumOperation.CompareAndSet, Bytes(key), Bytes(value), Id: new Guid(id),
            Level: Random.Chance(1, 4) ? ConsistencyLevel.One : default,
            Condition: expected.Length == 0 ? QuorumCondition.Absent : QuorumCondition.Equals, Expected: Bytes(expected));
        Write(client, seen, place, request, AnyNode(), new Attempt(_history.Call(client, RecordedAction.CompareAndSet, key, value, expected), world.Time, Left: 3));
    }

    private void Read(int client, string[] seen, int place, int node, int number, long begun, int attempts)
    {
        world.Submit(node, Get(Keys[place]), Patience(), outcome =>
        {
            if (outcome.Reply is { } reply)
            {
                count("serial reads");
                seen[place] = ValueOf(Keys[place], reply);
                _history.Return(number, seen[place]);
                _doubts.Seen(Keys[place], seen[place], begun, world.Time);
                End(client, seen);
            }
            else if (attempts > 0 && !IsOver)
            {
                Read(client, seen, place, Next(outcome.Why!.Value), number, begun, attempts - 1);
            }
            else
            {
                _history.Fail(number);
                End(client, seen);
            }
        });
    }

    private void Write(int client, string[] seen, int place, QuorumRequest request, int node, Attempt attempt)
    {
        string key = Keys[place];
        world.Submit(node, request, Patience(), outcome =>
        {
            if (outcome.Reply is { } reply)
            {
                count(reply.Applied ? "conditional writes done" : "conditions not met");
                // An earlier attempt of a coordinator that still tries may yet do it.
                if (reply.Applied || !attempt.IsUnknown)
                    _history.Return(attempt.Number, succeeded: reply.Applied);
                seen[place] = reply.Applied ? Encoding.UTF8.GetString(request.Value.Span) : ValueOf(key, reply);
                _doubts.Seen(key, seen[place], attempt.Begun, world.Time);
                End(client, seen);
                return;
            }

            Rejection why = outcome.Why!.Value;
            if (why.Reason == RejectReason.Invalid)
                throw new QuorumRuleBrokenException("requests", $"a right request was refused: {why.Detail}");
            attempt = attempt with { IsUnknown = attempt.IsUnknown || why.OutcomeUnknown, IsOver = attempt.IsOver && !outcome.IsSilence };
            if (attempt.Left > 0 && !IsOver)
            {
                Write(client, seen, place, request, Next(why), attempt with { Left = attempt.Left - 1 });
                return;
            }

            if (!attempt.IsUnknown)
                _history.Fail(attempt.Number);
            else
                count("conditional writes of unknown outcome");
            if (attempt.IsUnknown && attempt.IsOver && !request.Value.IsEmpty && !IsOver)
            {
                _doubts.Begin(key, Encoding.UTF8.GetString(request.Value.Span), world.Time);
                // Who is in doubt looks.
                Read(client, seen, place, AnyNode(), _history.Call(client, RecordedAction.Read, key), world.Time, attempts: 3);
                return;
            }

            End(client, seen);
        });
    }

    private void End(int client, string[] seen)
    {
        Busy--;
        Think(client, seen);
    }

    private static string ValueOf(string key, QuorumReply reply) => reply.Values.Count switch
    {
        0 => "",
        1 => Encoding.UTF8.GetString(reply.Values[0].Span),
        _ => throw new QuorumRuleBrokenException("siblings", $"{key} is only written on conditions and has {reply.Values.Count} values"),
    };

    private static QuorumRequest Get(string key) => new(QuorumOperation.Get, Bytes(key), Level: ConsistencyLevel.Serial);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private int AnyNode() => 1 + (int)Random.Next(world.Nodes.Count);

    private int Next(in Rejection why) => why.Leader.IsNone ? AnyNode() : why.Leader.Value;

    private long Patience() => (50 + Random.Next(400)) * Instant.Millisecond;

    /// <param name="Number">Of the operation in the history.</param>
    /// <param name="Begun">When the client began with it.</param>
    /// <param name="Left">How often it may yet be tried.</param>
    /// <param name="IsUnknown">An earlier try may have done it.</param>
    /// <param name="IsOver">Each coordinator that tried has said that it does so no more.</param>
    private sealed record Attempt(int Number, long Begun, int Left, bool IsUnknown = false, bool IsOver = true);
}
