using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Convergence;

/// <summary>What a key of a CRDT group is; part of its name, and never given another meaning.</summary>
public enum CrdtType : byte
{
    /// <summary>A counter that only grows.</summary>
    GrowCounter = 1,

    /// <summary>A counter that goes up and down.</summary>
    Counter = 2,

    /// <summary>A counter that never goes below 0: a replica takes only what it has the rights to.</summary>
    BoundedCounter = 3,
    GrowSet = 4,

    /// <summary>A set of which what was removed stays removed.</summary>
    TwoPhaseSet = 5,

    /// <summary>Off at first; enabling wins.</summary>
    Flag = 6,

    /// <summary>On at first; disabling wins.</summary>
    DisableWinsFlag = 7,

    /// <summary>A set in which adding wins.</summary>
    Set = 8,

    /// <summary>A register that keeps every concurrent value.</summary>
    MultiRegister = 9,

    /// <summary>A register of which the last write wins.</summary>
    Register = 10,

    /// <summary>A map in which updating a field wins over removing it.</summary>
    Map = 11,

    /// <summary>A map in which removing a key wins.</summary>
    RemoveWinsMap = 12,
    Text = 13,
    List = 14,
}

/// <summary>Names a value: its type and its name, 1 to <see cref="MaxNameBytes"/> bytes. One name with two types is two keys.</summary>
public readonly record struct CrdtKey(CrdtType Type, ReadOnlyMemory<byte> Name)
{
    public const int MaxNameBytes = 1_024;
    internal const CrdtType LastType = CrdtType.List;

    public CrdtKey(CrdtType type, string name)
        : this(type, System.Text.Encoding.UTF8.GetBytes(name))
    {
    }

    public bool Equals(CrdtKey other) => Type == other.Type && Name.Span.SequenceEqual(other.Name.Span);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Type);
        hash.AddBytes(Name.Span);
        return hash.ToHashCode();
    }

    public override string ToString() => $"{Type} '{System.Text.Encoding.UTF8.GetString(Name.Span)}'";

    /// <summary>As a store has it: type (1), name.</summary>
    internal byte[] ToBytes() => [(byte)Type, .. Name.Span];

    internal static CrdtKey FromBytes(ReadOnlySpan<byte> bytes) => new((CrdtType)bytes[0], bytes[1..].ToArray());

    internal void Write(CrdtWriter writer)
    {
        writer.Byte((byte)Type);
        writer.Count(Name.Length);
        writer.Raw(Name.Span);
    }

    /// <exception cref="InvalidDataException">What follows is no key.</exception>
    internal static CrdtKey Read(ref CrdtReader reader)
    {
        var type = (CrdtType)reader.Byte();
        if (type is < CrdtType.GrowCounter or > LastType)
            throw reader.Wrong($"a key has type {(byte)type}; 1 to {(byte)LastType} are known");
        int length = (int)reader.Within(1, MaxNameBytes, "the length of a key's name");
        return new CrdtKey(type, reader.Raw(length).ToArray());
    }
}
