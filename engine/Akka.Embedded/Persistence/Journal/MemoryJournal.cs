using System.Collections.Concurrent;
using System.Collections.Immutable;
using Akka.Actor;

namespace Akka.Persistence.Journal;

/// <summary>A journal in memory, for tests: it forgets all when its actor system stops.</summary>
public class MemoryJournal : AsyncWriteJournal
{
    private static readonly Task<IImmutableList<Exception>> AllStored = Task.FromResult<IImmutableList<Exception>>(null);

    private readonly ConcurrentDictionary<string, Stream> _streams = new();

    protected override Task<IImmutableList<Exception>> WriteMessagesAsync(IEnumerable<AtomicWrite> messages)
    {
        foreach (AtomicWrite write in messages) _streams.GetOrAdd(write.PersistenceId, static _ => new Stream()).Append(write);
        return AllStored;
    }

    public override Task<long> ReadHighestSequenceNrAsync(string persistenceId, long fromSequenceNr) =>
        Task.FromResult(_streams.TryGetValue(persistenceId, out Stream stream) ? stream.Highest : 0);

    public override Task ReplayMessagesAsync(IActorContext context, string persistenceId, long fromSequenceNr, long toSequenceNr, long max, Action<IPersistentRepresentation> recoveryCallback)
    {
        if (_streams.TryGetValue(persistenceId, out Stream stream)) stream.Read(fromSequenceNr, toSequenceNr, max).ForEach(recoveryCallback);
        return Task.CompletedTask;
    }

    protected override Task DeleteMessagesToAsync(string persistenceId, long toSequenceNr)
    {
        if (_streams.TryGetValue(persistenceId, out Stream stream)) stream.DeleteTo(toSequenceNr);
        return Task.CompletedTask;
    }

    /// <summary>The events of one persistence id, by sequence number; what is deleted leaves its highest number behind.</summary>
    private sealed class Stream
    {
        private readonly SortedList<long, IPersistentRepresentation> _events = new();
        private long _highest;

        public long Highest => Volatile.Read(ref _highest);

        public void Append(AtomicWrite write)
        {
            long now = DateTime.UtcNow.Ticks;
            lock (_events)
            {
                for (int i = 0; i < write.Size; i++)
                {
                    IPersistentRepresentation @event = write.EventAt(i).WithTimestamp(now);
                    _events[@event.SequenceNr] = @event;
                }
                _highest = Math.Max(_highest, write.HighestSequenceNr);
            }
        }

        public List<IPersistentRepresentation> Read(long from, long to, long max)
        {
            lock (_events)
                return [.. _events.Values.Where(each => each.SequenceNr >= from && each.SequenceNr <= to).Take((int)Math.Min(max, int.MaxValue))];
        }

        public void DeleteTo(long sequenceNr)
        {
            lock (_events)
            {
                foreach (long number in _events.Keys.TakeWhile(number => number <= sequenceNr).ToList()) _events.Remove(number);
            }
        }
    }
}
