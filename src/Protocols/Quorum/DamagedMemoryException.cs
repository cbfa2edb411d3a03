namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// What lies in memory under a key is not what was put there. The replica ends before anybody gets to see it, and starts again from its disk, where all has a checksum:
/// that is how the damage is mended.
/// </summary>
public sealed class DamagedMemoryException(ReadOnlyMemory<byte> key, int bytes)
    : Exception($"the {bytes} bytes kept in memory under the key {Convert.ToHexString(key.Span[..Math.Min(key.Length, 32)])} (hexadecimal) were damaged; the replica starts again from its disk");
