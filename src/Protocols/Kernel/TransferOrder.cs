using System.Buffers.Binary;

namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// The payload of a <see cref="RequestKind.Transfer"/>: the replica that is to lead (4 bytes, little endian; 0: whoever is best), and, where it is to
/// lead whatever is lost by that, a byte of 1.
/// </summary>
public static class TransferOrder
{
    private const byte ForceFlag = 1;

    public static byte[] To(ReplicaId id) => BitConverter.GetBytes(id.Value);

    /// <summary>An operator accepts the loss of what this replica does not have.</summary>
    public static byte[] Forced(ReplicaId id) => [.. To(id), ForceFlag];

    /// <summary>False: the bytes are no such order.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out ReplicaId to, out bool isForced)
    {
        isForced = payload.Length == sizeof(int) + 1 && payload[^1] == ForceFlag;
        bool isWhole = payload.Length == sizeof(int) || isForced;
        to = isWhole ? new ReplicaId(BinaryPrimitives.ReadInt32LittleEndian(payload)) : default;
        return isWhole && to.Value >= 0;
    }
}
