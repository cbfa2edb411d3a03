using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// Which changes are causally stable: seen by every replica, each of which has delivered here all it did before it saw them, so that whatever comes from
/// now on knows of them (Baquero, Almeida and Shoker, "Pure Operation-Based Replicated Data Types", 2017). Kept by one replica, for the
/// replicas the group has now.
/// </summary>
public sealed class CausalStability
{
    private readonly SortedDictionary<VersionSource, CausalContext> _seen = [];

    /// <param name="others">Every replica but this one.</param>
    public CausalStability(IEnumerable<VersionSource> others)
    {
        foreach (VersionSource other in others)
            _seen.Add(other, new CausalContext());
    }

    /// <summary>A replica had this context, and all that it knew then has been merged here. One that the group does not have is ignored.</summary>
    public void Merged(VersionSource replica, CausalContext context)
    {
        if (_seen.TryGetValue(replica, out CausalContext? seen))
            seen.Join(context);
    }

    /// <summary>What is stable.</summary>
    /// <param name="here">What this replica has seen.</param>
    public CausalContext Stable(CausalContext here) => _seen.Values.Aggregate(here.Copy(), (stable, seen) => stable.Meet(seen));
}
