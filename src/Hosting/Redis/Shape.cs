namespace ActorRepl.Hosting.Redis;

/// <summary>How the replies of the machine to one command are written.</summary>
internal enum Form : byte
{
    /// <summary>Written when the command was read.</summary>
    Ready,

    /// <summary>Written when the command was carried out, by itself.</summary>
    Late,

    /// <summary>The one reply of the machine, as it is.</summary>
    Single,

    /// <summary>Integers of the machine, added up.</summary>
    Sum,

    /// <summary>Likewise, of a command that writes: a part that was done is not to be denied.</summary>
    WrittenSum,

    /// <summary>Replies of the machine as an array.</summary>
    Array,

    /// <summary>OK once, for all; where only a part was done, that is not to be denied.</summary>
    AllOk,

    /// <summary>1 if the first reply is Ok, else 0.</summary>
    Done,

    /// <summary>The word for what a key holds.</summary>
    TypeName,

    /// <summary>How long until a key ends, s.</summary>
    Seconds,

    /// <summary>How long until a key ends, ms.</summary>
    Millis,

    /// <summary>When a key ends, s since 1970.</summary>
    EndSeconds,

    /// <summary>A cursor and the keys of a page.</summary>
    Scan,

    /// <summary>Versions that the connection keeps; OK.</summary>
    Watch,

    /// <summary>The header of the replies to a transaction, or nothing for all of them.</summary>
    Transaction,
}

/// <summary>What a SCAN asked for.</summary>
internal sealed record ScanAsked(long Cursor, int Shard, byte[] Prefix, byte[]? Pattern, bool Strings);
