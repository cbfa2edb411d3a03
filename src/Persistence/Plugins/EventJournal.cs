using System.Collections.Immutable;
using ActorRepl.Persistence.Plugins;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Akka.Persistence;
using Akka.Persistence.Journal;

namespace ActorRepl.Persistence;

/// <summary>
/// A journal that keeps the events of all persistent actors of a node in one <see cref="EventStore"/>. A full disk rejects
/// a write, so that the actor goes on; any other failure stops it, as Akka.Persistence has it.
/// </summary>
public abstract class EventJournal : AsyncWriteJournal
{
    private readonly SharedStores<EventStore>.Lease _lease;
    private readonly StoredPayload _payloads;

    private protected EventJournal(Func<OwnStores, Action<string>, SharedStores<EventStore>.Lease> open)
    {
        ILoggingAdapter log = Context.GetLogger();
        _payloads = new StoredPayload((ExtendedActorSystem)Context.System);
        _lease = open(OwnStores.Of(Context.System), what => log.Error("{0}", what));
    }

    private EventStore Wal => _lease.Store;

    protected override void PostStop()
    {
        _lease.Dispose();
        base.PostStop();
    }

    protected override async Task<IImmutableList<Exception>> WriteMessagesAsync(IEnumerable<AtomicWrite> messages)
    {
        AtomicWrite[] writes = messages as AtomicWrite[] ?? [.. messages];
        var rejections = new Exception?[writes.Length];
        // One request comes from one actor; whatever else is sent here is written by runs of one persistence id.
        for (int start = 0, end; start < writes.Length; start = end)
        {
            end = start + 1;
            while (end < writes.Length && writes[end].PersistenceId == writes[start].PersistenceId)
                end++;
            await Write(new ArraySegment<AtomicWrite>(writes, start, end - start), new ArraySegment<Exception?>(rejections, start, end - start))
                .ConfigureAwait(false);
        }

        // No list at all says that nothing was rejected.
        return Array.TrueForAll(rejections, rejection => rejection is null) ? null! : [.. rejections!];
    }

    protected override Task DeleteMessagesToAsync(string persistenceId, long toSequenceNr) => Wal.DeleteAsync(persistenceId, toSequenceNr);

    public override Task<long> ReadHighestSequenceNrAsync(string persistenceId, long fromSequenceNr) =>
        Wal.HighestAsync(persistenceId, fromSequenceNr + 1, PersistenceIds.IsReplica(persistenceId));

    public override Task ReplayMessagesAsync(
        IActorContext context,
        string persistenceId,
        long fromSequenceNr,
        long toSequenceNr,
        long max,
        Action<IPersistentRepresentation> recoveryCallback)
    {
        bool replica = PersistenceIds.IsReplica(persistenceId);
        string writer = "";
        return Wal.ReplayAsync(persistenceId, fromSequenceNr, toSequenceNr, max, replica, record =>
        {
            object payload;
            (long timestamp, string manifest) = (0L, "");
            if (record.Damage is { } damage)
            {
                payload = replica ? new DamagedRecord(record.Seq, damage) : throw new StorageDamagedException(damage);
            }
            else
            {
                RecordMeta meta = RecordMeta.Decode(record.Kind, record.Meta);
                payload = _payloads.FromRow(record, meta);
                (writer, timestamp, manifest) = (meta.Writer, meta.Timestamp, meta.Serializer?.EventManifest ?? "");
            }

            // A damaged record passes as its neighbour's writer's: the replay filter takes any other for a second writer.
            recoveryCallback(new Persistent(payload, record.Seq, persistenceId, manifest, false, ActorRefs.NoSender, writer, timestamp));
        });
    }

    private async Task Write(ArraySegment<AtomicWrite> writes, ArraySegment<Exception?> rejections)
    {
        var rows = new List<RecordToStore>(writes.Count);
        for (int i = 0; i < writes.Count; i++)
            rejections[i] = AddRows(writes[i], rows);
        if (rows.Count == 0)
            return;
        try
        {
            // What follows is short: it tells actors.
            await Wal.WriteAsync(writes[0].PersistenceId, rows, inline: true).ConfigureAwait(false);
        }
        catch (StorageFullException full)
        {
            for (int i = 0; i < writes.Count; i++)
                rejections[i] ??= full;
        }
    }

    /// <summary>Adds the rows of a write, all or none; returns why not.</summary>
    private Exception? AddRows(AtomicWrite write, List<RecordToStore> rows)
    {
        int before = rows.Count;
        try
        {
            foreach (IPersistentRepresentation item in (IEnumerable<IPersistentRepresentation>)write.Payload)
                rows.Add(_payloads.ToRow(item.SequenceNr, item.Payload, item.Timestamp, item.WriterGuid, item.Manifest));
            return null;
        }
        catch (Exception e)
        {
            // What a serializer cannot write is refused, and the actor goes on.
            rows.RemoveRange(before, rows.Count - before);
            return e;
        }
    }
}
