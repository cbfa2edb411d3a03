using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// Makes primary–backup replicas, after PacificA (Lin et al., MSR-TR-2008-25) and Vertical Paxos II (Lamport, Malkhi and Zhou, PODC 2009).
/// The first replica of a shard is its first primary.
/// </summary>
public sealed class PrimaryBackupFactory(PrimaryBackupOptions options) : IProtocolFactory
{
    private readonly PrimaryBackupOptions _options = options.Validate();

    public PrimaryBackupFactory() : this(PrimaryBackupOptions.Default)
    {
    }

    public string Name => "primary-backup";

    public string Declaration => PrimaryBackup.Declaration.Of(_options);

    public bool ReadsBack => true;

    // It knows all of them; what a view has too few members for, the primary says.
    public string? Refusal(in WriteConcern concern) => null;

    public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) =>
        new PrimaryBackupReplica(self, replicas, seed, _options, joins);
}
