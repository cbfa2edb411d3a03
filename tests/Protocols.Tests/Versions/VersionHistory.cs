using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Versions;

/// <summary>
/// One key on three replicas, written by three clients with whatever context they have, and beside each replica the plain truth: which writes it knows
/// and what each write had seen.
/// </summary>
internal sealed class VersionHistory(DeterministicRandom random)
{
    private readonly Dictionary<string, HashSet<string>> _pasts = [];
    private readonly HashSet<string>[] _known = [[], [], []];
    private readonly (VersionVector Context, HashSet<string> Seen)[] _clients = [(VersionVector.Empty, []), (VersionVector.Empty, []), (VersionVector.Empty, [])];
    private readonly long[] _counters = new long[3];

    public DottedVersions<string>[] States { get; } = [DottedVersions<string>.Empty, DottedVersions<string>.Empty, DottedVersions<string>.Empty];

    public void Step()
    {
        int replica = (int)random.Next(3), client = (int)random.Next(3);
        switch (random.Next(3))
        {
            case 0:
                Write(replica, client);
                break;
            case 1:
                _clients[client] = (States[replica].Clock, [.. _known[replica]]);
                break;
            default:
                int other = (int)random.Next(3);
                States[replica] = States[replica].Merge(States[other]);
                _known[replica].UnionWith(_known[other]);
                break;
        }
    }

    /// <summary>On each replica: the writes that it knows and that are in no past of another that it knows.</summary>
    public void Check()
    {
        for (int replica = 0; replica < 3; replica++)
        {
            HashSet<string> replaced = [.. _known[replica].SelectMany(write => _pasts[write])];
            Assert.Equal(_known[replica].Except(replaced).Order(), States[replica].Siblings.Select(sibling => sibling.Value).Order());
        }
    }

    private void Write(int replica, int client)
    {
        (VersionVector context, HashSet<string> seen) = _clients[client];
        var dot = new Dot(new VersionSource(new ReplicaId(replica + 1)), ++_counters[replica]);
        string write = $"{dot}";
        _pasts[write] = [.. seen];
        States[replica] = States[replica].Write(context, dot, write);
        _known[replica].UnionWith(seen);
        _known[replica].Add(write);
    }
}
