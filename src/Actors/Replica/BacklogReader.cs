using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Reads entries of a replica's log back from its journal, for a peer that lacks them. Which event begins with which entry it finds out by
/// reading all that is there, when it is first asked, and what has come since; it remembers one in <see cref="ChunkBytes"/>. What it cannot
/// read is said not to be there: that peer gets a checkpoint.
/// </summary>
internal sealed class BacklogReader : UntypedActor
{
    private const int ChunkBytes = 64 << 10;

    // Nobody holds the journal back: so many events at most wait here.
    private const int EventsOfAStep = 128;

    private readonly ReplicaContext _context;
    private readonly IActorRef _journal;
    private readonly Queue<ReadBack> _waiting = new();

    // Where the journal has the beginnings of stretches of the log, in ascending order.
    private readonly List<(long SequenceNr, long First)> _chunks = [];
    private long _bytesOfChunk;

    // The last event, and the last entry, that have been looked at.
    private long _indexed;
    private long _lastEntry;

    private ReadBack? _current;
    private RangeFold? _fold;
    private int _replayed;

    public BacklogReader(ReplicaContext context)
    {
        _context = context;
        _journal = Persistence.Instance.Apply(Context.System).JournalFor(context.Settings.JournalPlugin);
    }

    // On the default dispatcher: reading back must not keep replicas waiting.
    public static Props Props(ReplicaContext context) => Akka.Actor.Props.Create(() => new BacklogReader(context));

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ReadBack read:
                _waiting.Enqueue(read);
                if (_current is null)
                    Next();
                break;
            case ReplayedMessage replayed when _current is not null:
                Take(replayed.Persistent);
                break;
            case RecoverySuccess success when _current is not null:
                OnReplayed(success.HighestSequenceNr);
                break;
            case ReplayMessagesFailure or ReceiveTimeout when _current is not null:
                Answer([]);
                break;
        }
    }

    private void Next()
    {
        _fold = null;
        if (!_waiting.TryDequeue(out _current))
        {
            Context.SetReceiveTimeout(null);
            return;
        }

        Context.SetReceiveTimeout(_context.Settings.Replica.StoreTimeout);
        if (_current.Last > _lastEntry)
            Index();
        else
            Read();
    }

    private void Index() => Replay(_indexed + 1, long.MaxValue, EventsOfAStep);

    /// <summary>From the stretch that has the first entry, through the beginning of the one after the last that is needed: what it truncates is seen.</summary>
    private void Read()
    {
        int from = _chunks.FindLastIndex(chunk => chunk.First <= _current!.First);
        if (from < 0)
        {
            Answer([]);
            return;
        }

        _fold = new RangeFold(_current!.First, _current.Last, _current.MaxBytes);
        int to = from + 2 + _current.MaxBytes / ChunkBytes;
        Replay(_chunks[from].SequenceNr, to < _chunks.Count ? _chunks[to].SequenceNr : _indexed, long.MaxValue);
    }

    private void Replay(long from, long to, long max)
    {
        _replayed = 0;
        _journal.Tell(new ReplayMessages(from, to, max, _context.PersistenceId, Self), Self);
    }

    private void Take(IPersistentRepresentation replayed)
    {
        _replayed++;
        WalEntry entry;
        try
        {
            entry = replayed.Payload is WalPayload payload ? RecordCodec.DecodeRecord(payload.Bytes) : new WalEntry(0, new WalRecord());
        }
        catch (InvalidDataException)
        {
            // Recovery finds it too, and says so; whatever follows cannot be joined to what is before.
            entry = new WalEntry(0, new WalRecord());
        }

        if (_fold is { } fold)
            fold.Record(entry.Record);
        else
            Note(replayed.SequenceNr, entry.Record);
    }

    /// <summary>Where the log is that this event has; what it takes the place of is not there any more.</summary>
    private void Note(long sequenceNr, WalRecord record)
    {
        _indexed = sequenceNr;
        if (record.Entries.Count == 0)
            return;
        long first = record.Entries[0].FirstIndex;
        bool follows = first == _lastEntry + 1 && record.TruncateFrom == 0;
        _chunks.RemoveAll(chunk => chunk.First >= first);
        if (!follows || _chunks.Count == 0 || _bytesOfChunk >= ChunkBytes)
        {
            _chunks.Add((sequenceNr, first));
            _bytesOfChunk = 0;
        }

        foreach (EntryBatch batch in record.Entries)
            _bytesOfChunk += batch.Bytes.Length;
        _lastEntry = record.Entries[^1].LastIndex;
    }

    private void OnReplayed(long highest)
    {
        if (_fold is { } fold)
        {
            Answer(fold.Batches);
        }
        else if (_replayed == EventsOfAStep && _indexed < highest)
        {
            Index();
        }
        else
        {
            _indexed = Math.Max(_indexed, highest);
            Read();
        }
    }

    private void Answer(IReadOnlyList<EntryBatch> batches)
    {
        Context.Parent.Tell(new ReadBackDone(_current!.First, batches), Self);
        Next();
    }
}
