namespace ActorRepl.Protocols.Kernel;

/// <summary>Takes the keys that a command touches; see <see cref="IKeyedStateMachine.TryFindKeys"/>.</summary>
public sealed class CommandKeys
{
    private readonly KeyHash _hash = KeyHash.Random();
    private ulong[] _hashes = new ulong[64];

    /// <summary>
    /// The most bytes that the command's result may take; 4096 unless the machine says otherwise. One that is longer all the
    /// same stops the replica: results that are kept for clients have a limit, and who is forgotten for it must not depend on threads.
    /// </summary>
    public long MostResultBytes { get; set; }

    /// <summary>
    /// The most bytes that the command may add to what the machine has a limit of; the bytes of the command itself unless the machine says
    /// otherwise. Their sum is what <see cref="IKeyedStateMachine.BeginTogether"/> is asked with.
    /// </summary>
    public long MostGrowthBytes { get; set; }

    internal const long UsualResultBytes = 4096;

    /// <summary>Of all commands so far.</summary>
    internal int Count { get; private set; }

    internal ReadOnlySpan<ulong> Hashes => _hashes.AsSpan(0, Count);

    public void Add(ReadOnlySpan<byte> key) => AddHash(_hash.Of(key));

    /// <summary>A key that is a number.</summary>
    public void Add(long key) => AddHash(_hash.Of(key));

    internal void BeginCommand(int bytes) => (MostResultBytes, MostGrowthBytes) = (UsualResultBytes, bytes);

    /// <summary>Forgets what was added beyond so many.</summary>
    internal void CutTo(int count) => Count = count;

    private void AddHash(ulong hash)
    {
        if (Count == _hashes.Length)
            Array.Resize(ref _hashes, Count * 2);
        _hashes[Count++] = hash;
    }
}
