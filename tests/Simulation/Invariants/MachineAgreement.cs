using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>
/// State machine safety: all replicas apply the same command at the same index and get the same result, and none leaves
/// one out. Holds for every protocol that keeps a log; where a part of the history can be lost, for the entry of each term at
/// an index: if these are the same, so is all that came before them.
/// </summary>
internal sealed class MachineAgreement(IInvariants invariants)
{
    private const string Rule = "state machine safety";
    private const ulong Unknown = 0;
    private const ulong NoCommand = 1;

    // What was applied at each index, by whoever came first; results likewise. Of each term where history can be lost.
    private readonly Dictionary<long, (List<ulong> Commands, List<ulong> Results)> _known = [];

    /// <summary>The highest index at which a command was applied anywhere.</summary>
    public long LastIndex { get; private set; }

    /// <summary>Observes one replica's machine; made anew for each incarnation.</summary>
    public IStateMachine Observe(SimulatedReplica replica, IStateMachine machine) => new Observed(this, replica, machine);

    private void Applied(SimulatedReplica replica, long previous, in AppliedCommand command, ReadOnlySpan<byte> result)
    {
        if (previous >= 0)
        {
            for (long index = previous + 1; index < command.Index; index++)
                Agree(replica, KnownAt(replica, index).Commands, index, NoCommand, "left out or put in a command");
        }

        (List<ulong> commands, List<ulong> results) = KnownAt(replica, command.Index);
        Agree(replica, commands, command.Index, Fingerprint(command.Payload.Span, (ulong)command.Wall), "applied another command");
        Agree(replica, results, command.Index, Fingerprint(result, 0), "got another result");
        LastIndex = Math.Max(LastIndex, command.Index);
        invariants.Applied(replica, command.Index);
    }

    private (List<ulong> Commands, List<ulong> Results) KnownAt(SimulatedReplica replica, long index)
    {
        long term = invariants.HistoryAt(replica, index);
        if (!_known.TryGetValue(term, out (List<ulong> Commands, List<ulong> Results) known))
            _known.Add(term, known = ([], []));
        while (known.Commands.Count <= index)
        {
            known.Commands.Add(Unknown);
            known.Results.Add(Unknown);
        }

        return known;
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

    private sealed class Observed(MachineAgreement agreement, SimulatedReplica replica, IStateMachine machine) : IBatchStateMachine
    {
        private long _last;

        public long ApproximateBytes => machine.ApproximateBytes;

        public bool EndsWithTime => machine.EndsWithTime;

        public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
        {
            ReadOnlyMemory<byte> result = machine.Apply(command);
            agreement.Applied(replica, _last, command, result.Span);
            _last = command.Index;
            return result;
        }

        public int LeastBatch => machine is IBatchStateMachine batches && !replica.IsWaitedFor ? batches.LeastBatch : int.MaxValue;

        public void ApplyAll(ReadOnlySpan<AppliedCommand> commands, Span<ReadOnlyMemory<byte>> results)
        {
            ((IBatchStateMachine)machine).ApplyAll(commands, results);
            for (int i = 0; i < commands.Length; i++)
            {
                agreement.Applied(replica, _last, commands[i], results[i].Span);
                _last = commands[i].Index;
            }
        }

        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => machine.Query(query);

        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query, long wall) => machine.Query(query, wall);

        public ICheckpointView BeginCheckpoint() => machine.BeginCheckpoint();

        public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
        {
            machine.Restore(segments);
            _last = -1;
            replica.OnRestored();
        }
    }
}
