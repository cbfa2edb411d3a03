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

    /// <summary>Elements that one list or text may have, deleted ones included that are still kept, before it takes no more.</summary>
    public const int SequenceElements = 1 << 26;

    /// <summary>Elements that one source may ever insert into one list or text, and that an encoded one may have.</summary>
    public const int SequenceNumbers = 1 << 30;
}
