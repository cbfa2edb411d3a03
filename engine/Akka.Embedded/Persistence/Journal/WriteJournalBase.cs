using System.Collections.Immutable;
using Akka.Actor;

namespace Akka.Persistence.Journal;

/// <summary>What all journals share: preparing events for the store.</summary>
public abstract class WriteJournalBase : ActorBase
{
    /// <summary>The atomic writes among the envelopes as the store should keep them: without senders, which mean nothing after a restart.</summary>
    protected IEnumerable<AtomicWrite> PreparePersistentBatch(IEnumerable<IPersistentEnvelope> resequenceables)
    {
        var prepared = new List<AtomicWrite>();
        foreach (IPersistentEnvelope envelope in resequenceables)
        {
            if (envelope is AtomicWrite write) prepared.Add(Prepare(write));
        }
        return prepared;
    }

    /// <summary>The event in the form the store keeps; itself, as there are no event adapters.</summary>
    protected IPersistentRepresentation AdaptToJournal(IPersistentRepresentation representation) => representation;

    /// <summary>The events a stored one stands for; itself, as there are no event adapters.</summary>
    protected IEnumerable<IPersistentRepresentation> AdaptFromJournal(IPersistentRepresentation representation) => [representation];

    private AtomicWrite Prepare(AtomicWrite write)
    {
        if (write.Size == 1) return new AtomicWrite(Prepare(write.EventAt(0)));
        var events = ImmutableArray.CreateBuilder<IPersistentRepresentation>(write.Size);
        for (int i = 0; i < write.Size; i++) events.Add(Prepare(write.EventAt(i)));
        return new AtomicWrite(events.MoveToImmutable());
    }

    private IPersistentRepresentation Prepare(IPersistentRepresentation each) =>
        AdaptToJournal(each.Update(each.SequenceNr, each.PersistenceId, each.IsDeleted, ActorRefs.NoSender, each.WriterGuid));
}
