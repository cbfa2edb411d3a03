namespace ActorRepl.Protocols.Crdt;

/// <summary>What no value may pass; a decoder refuses what does.</summary>
public static class CrdtLimits
{
    /// <summary>Bytes of one element, key or register value.</summary>
    public const int DatumBytes = 1 << 20;

    /// <summary>How deep maps may lie in maps.</summary>
    public const int MapDepth = 16;

    /// <summary>Sources that one value may know.</summary>
    public const int Sources = 1 << 16;

    /// <summary>Elements, deleted ones included, that may be inserted into one list or text by one source, and that one encoded one may have.</summary>
    public const int SequenceElements = 1 << 26;
}
