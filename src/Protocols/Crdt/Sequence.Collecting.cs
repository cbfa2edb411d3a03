using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

public abstract partial class Sequence<TItem>
{
    /// <summary>
    /// Forgets every deleted element and starts the next epoch, in which all that is left is one run. Every replica of the group has to do so in the same
    /// state, that is with equal encodings: the group agrees on one, once all have it, and lets nobody edit meanwhile. A replica that was away goes on
    /// with the newer epoch when it merges it; what it changed in the older one is lost.
    /// </summary>
    /// <exception cref="InvalidOperationException">There are changes that no delta was taken of: nobody else can have them.</exception>
    public void Collect()
    {
        if (!_inserted.IsEmpty || !_deleted.IsEmpty)
            throw new InvalidOperationException("a sequence has changes that no delta was taken of; other replicas cannot be in the same state");
        TItem[] left = ToArray();
        VersionSource heir = _sources.Count == 0 ? default : _sources.Min();
        Begin(Epoch + 1);
        if (left.Length == 0)
            return;
        ushort place = PlaceOf(heir);
        _items[place].Append(left);
        _tree.Insert(_tree.Start, new Run(new ElementId(place, 1), left.Length, ElementId.None, ElementId.None, isDeleted: false));
    }

    /// <summary>Empties the sequence, for an epoch.</summary>
    private void Begin(long epoch)
    {
        Epoch = epoch;
        _sources.Clear();
        _items.Clear();
        _places.Clear();
        _tree = new RunTree();
        (_inserted, _deleted) = (new CausalContext(), new CausalContext());
    }
}
