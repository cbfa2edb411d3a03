using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>
/// State machine safety: all replicas apply the same command at the same index and get the same result, and none leaves
/// one out. Holds for every protocol that keeps a log.
/// </summary>
internal sealed class MachineAgreement
{
    private const string Rule = "state machine safety";
    private const ulong Unknown = 0;
    private const ulong NoCommand = 1;

    // What was applied at each index, by whoever came first; results likewise.
    private readonly List<ulong> _commands = [Unknown];
    private readonly List<ulong> _results = [Unknown];

    /// <summary>The highest index at which a command was applied anywhere.</summary>
    public long LastIndex { get; private set; }

    /// <summary>Observes one replica's machine; made anew for each incarnation.</summary>
    public IStateMachine Observe(SimulatedReplica replica, IStateMachine machine) => new Observed(this, replica, machine);

    private void Applied(SimulatedReplica replica, long previous, in AppliedCommand command, ReadOnlySpan<byte> result)
    {
        while (_commands.Count <= command.Index)
        {
            _commands.Add(Unknown);
            _results.Add(Unknown);
        }

        if (previous >= 0)
        {
            for (long index = previous + 1; index < command.Index; index++)
                Agree(replica, _commands, index, NoCommand, "left out or put in a command");
        }

        Agree(replica, _commands, command.Index, Fingerprint(command.Payload.Span, (ulong)command.Wall), "applied another command");
        Agree(replica, _results, command.Index, Fingerprint(result, 0), "got another result");
        LastIndex = Math.Max(LastIndex, command.Index);
    }

    private static void Agree(SimulatedReplica replica, List<ulong> known, long index, ulong found, string how)
    {
        if (known[(int)index] == Unknown)
            known[(int)index] = found;
        else if (known[(int)index] != found)
            throw new RuleBrokenException(Rule, $"{replica.Id} {how} at index {index} than the replica that applied it first");
    }

    private static ulong Fingerprint(ReadOnlySpan<byte> bytes, ulong salt) =>
        2 + (ulong)bytes.Length + (((ulong)Crc32C.Compute(bytes) << 20) ^ (salt * 0x9E3779B97F4A7C15 >> 8));

    private sealed class Observed(MachineAgreement agreement, SimulatedReplica replica, IStateMachine machine) : IStateMachine
    {
        private long _last;

        public long ApproximateBytes => machine.ApproximateBytes;

        public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
        {
            ReadOnlyMemory<byte> result = machine.Apply(command);
            agreement.Applied(replica, _last, command, result.Span);
            _last = command.Index;
            return result;
        }

        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => machine.Query(query);

        public ICheckpointView BeginCheckpoint() => machine.BeginCheckpoint();

        public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
        {
            machine.Restore(segments);
            _last = -1;
            replica.OnRestored();
        }
    }
}
