using Akka.Actor;
using Akka.Cluster;
using Akka.Event;

namespace Akka.DistributedData.Replication;

internal sealed partial class Replicator
{
    private const int MaxSecondary = 10;

    private readonly Dictionary<long, Operation> _operations = [];
    private long _lastOperation = DeltaPropagation.NoAnswer;

    /// <summary>How many other replicas must answer.</summary>
    private int OthersNeeded(IReadConsistency consistency) => consistency switch
    {
        ReadLocal => 0,
        ReadFrom from => from.N - 1,
        ReadMajority majority => Majority(majority.MinCapacity),
        ReadAll => NodesFor(all: true).Count,
        _ => throw new ArgumentException($"unknown read consistency {consistency}"),
    };

    /// <inheritdoc cref="OthersNeeded(IReadConsistency)"/>
    private int OthersNeeded(IWriteConsistency consistency) => consistency switch
    {
        WriteLocal => 0,
        WriteTo to => to.Count - 1,
        WriteMajority majority => Majority(majority.MinCapacity),
        WriteAll => NodesFor(all: true).Count,
        _ => throw new ArgumentException($"unknown write consistency {consistency}"),
    };

    private int Majority(int minCapacity)
    {
        int replicas = _nodes.Count + 1;
        return Math.Min(replicas, Math.Max((replicas / 2) + 1, minCapacity)) - 1;
    }

    private void Start(Operation operation, int needed, TimeSpan timeout, List<Address> nodes, bool inOrder)
    {
        operation.ReplyTo = Sender;
        if (needed > nodes.Count)
        {
            operation.ReplyTo.Tell(operation.Failure());
            return;
        }

        operation.Number = ++_lastOperation;
        var ordered = nodes.OrderBy(_unreachable.Contains).ThenBy(_ => inOrder ? 0 : Random.Shared.Next()).ToList();
        operation.Primary = ordered[..needed];
        operation.Secondary = [.. ordered.Skip(needed).Take(MaxSecondary)];
        _operations.Add(operation.Number, operation);
        foreach (Address node in operation.Primary) ReplicaAt(node).Tell(operation.Question(SelfNode));
        foreach (bool isLast in (bool[])[false, true])
        {
            var timer = new OperationTimer(operation.Number, isLast);
            Timers.StartSingleTimer(timer, timer, isLast ? timeout : timeout / 5);
        }
    }

    private void OnOperationTimer(OperationTimer timer)
    {
        if (!_operations.TryGetValue(timer.Operation, out Operation operation)) return;
        if (timer.IsLast)
        {
            Finish(operation, operation.Failure());
            return;
        }

        // A delta may not have fitted: those who have not answered it are sent the whole.
        bool askAgain = operation is WriteOperation { Delta: not null };
        foreach (Address node in operation.Secondary.Concat(askAgain ? operation.Primary : []).Except(operation.Answered))
            ReplicaAt(node).Tell(operation.SecondQuestion(SelfNode));
    }

    private void OnReadResult(ReadResult result)
    {
        if (!_operations.TryGetValue(result.Operation, out Operation operation) || operation is not ReadOperation read) return;
        try
        {
            if (result.Envelope is { } found) read.Found = read.Found is null ? found : read.Found.Merge(found);
        }
        catch (Exception cause)
        {
            _log.Warning(cause, "Couldn't merge what was read of [{0}]: {1}", read.Key, cause.Message);
            return;
        }

        read.Answered.Add(result.From.Address);
        if (!read.IsDone) return;
        if (read.Found is { } all)
        {
            // Read repair: what others had and this replica lacked.
            Store(read.Key.Id, all);
            read.Found = EnvelopeOf(read.Key.Id);
        }

        Finish(read, read.Success());
    }

    private void OnWriteResult(WriteResult result)
    {
        if (!_operations.TryGetValue(result.Operation, out Operation operation)) return;
        switch (result.Outcome)
        {
            case WriteOutcome.Gap:
                Sender.Tell(operation.SecondQuestion(SelfNode));
                break;
            case WriteOutcome.Stored:
                operation.Answered.Add(result.From.Address);
                if (operation.IsDone) Finish(operation, operation.Success());
                break;
        }
    }

    private void Finish(Operation operation, object answer)
    {
        _operations.Remove(operation.Number);
        Timers.Cancel(new OperationTimer(operation.Number, IsLast: false));
        Timers.Cancel(new OperationTimer(operation.Number, IsLast: true));
        operation.ReplyTo.Tell(answer);
    }

    private void Answer(long operation, WriteOutcome outcome)
    {
        if (operation != DeltaPropagation.NoAnswer) Sender.Tell(new WriteResult(SelfNode, operation, outcome));
    }
}
