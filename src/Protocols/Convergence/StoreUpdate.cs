using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>An entry of a replica's log: how its store changes. Layout: kind (1), then the fields in order.</summary>
internal abstract record StoreUpdate
{
    /// <summary>A client's update, taken here: it gets the next number of this replica's source.</summary>
    public sealed record Local(ReadOnlyMemory<byte> Update) : StoreUpdate;

    /// <summary>The next unit of another source.</summary>
    public sealed record Remote(VersionSource Source, ReadOnlyMemory<byte> Unit) : StoreUpdate;

    /// <summary>This replica changes under this source from here on. <paramref name="Anew"/>: what it had may be less than others know that it had, and is forgotten; it is being rebuilt.</summary>
    public sealed record Begin(VersionSource Source, bool Anew) : StoreUpdate;

    /// <summary>Values of a peer, kept aside until <see cref="Join"/>: see <see cref="PartList"/>. <paramref name="First"/>: what is aside is forgotten.</summary>
    public sealed record Stage(bool First, ReadOnlyMemory<byte> States) : StoreUpdate;

    /// <summary>What is aside is merged, at once: with it all is here that the first vector covers; of what the second covers, the values have let go.</summary>
    public sealed record Join(VersionVector Vector, VersionVector Collected) : StoreUpdate;

    /// <summary>Every member has all that this vector covers, and whatever comes knows of it. Of what the second covers every member has settled that.</summary>
    public sealed record Stable(VersionVector Vector, VersionVector Known) : StoreUpdate;

    /// <summary>What had been lost is here again.</summary>
    public sealed record Rebuilt : StoreUpdate;

    /// <summary>
    /// What clients' updates are judged by from here on, so that each is judged alike when the log is replayed: see <see cref="ConvergentOptions.MaxValueBytes"/>,
    /// <see cref="ConvergentOptions.MaxUpdateBytes"/> and <see cref="ConvergentOptions.MaxTagBytes"/>.
    /// </summary>
    public sealed record Limits(int MaxValueBytes, int MaxUpdateBytes, long MaxTagBytes) : StoreUpdate
    {
        public static Limits Of(ConvergentOptions options) => new(options.MaxValueBytes, options.MaxUpdateBytes, options.MaxTagBytes);

        public void Write(CrdtWriter writer)
        {
            writer.Count(MaxValueBytes);
            writer.Count(MaxUpdateBytes);
            writer.Unsigned((ulong)MaxTagBytes);
        }
    }

    public byte[] ToBytes()
    {
        var writer = new CrdtWriter();
        switch (this)
        {
            case Local local:
                writer.Byte(1);
                writer.Raw(local.Update.Span);
                break;
            case Remote remote:
                writer.Byte(2);
                writer.Source(remote.Source);
                writer.Raw(remote.Unit.Span);
                break;
            case Begin begin:
                writer.Byte(3);
                writer.Source(begin.Source);
                writer.Byte(begin.Anew ? (byte)1 : (byte)0);
                break;
            case Stage stage:
                writer.Byte(8);
                writer.Byte(stage.First ? (byte)1 : (byte)0);
                writer.Raw(stage.States.Span);
                break;
            case Join join:
                writer.Byte(5);
                Vectors.Write(writer, join.Vector);
                Vectors.Write(writer, join.Collected);
                break;
            case Stable stable:
                writer.Byte(9);
                Vectors.Write(writer, stable.Vector);
                Vectors.Write(writer, stable.Known);
                break;
            case Rebuilt:
                writer.Byte(7);
                break;
            case Limits limits:
                writer.Byte(10);
                limits.Write(writer);
                break;
        }

        return writer.ToArray();
    }

    private static int Size(ref CrdtReader reader) => (int)reader.Within(1, int.MaxValue, "a limit");

    /// <exception cref="InvalidDataException">The bytes are no update.</exception>
    public static StoreUpdate Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CrdtReader(bytes.Span);
        byte kind = reader.Byte();
        switch (kind)
        {
            case 1:
                return new Local(bytes[reader.Position..]);
            case 2:
                VersionSource source = reader.Source();
                return new Remote(source, bytes[reader.Position..]);
            case 3:
                return new Begin(reader.Source(), reader.Within(0, 1, "a flag") == 1);
            case 8:
                bool isFirst = reader.Within(0, 1, "a flag") == 1;
                return new Stage(isFirst, bytes[reader.Position..]);
            case 5:
                return new Join(Vectors.Read(ref reader), Vectors.Read(ref reader));
            case 9:
                return new Stable(Vectors.Read(ref reader), Vectors.Read(ref reader));
            case 7:
                return new Rebuilt();
            case 10:
                return new Limits(Size(ref reader), Size(ref reader), reader.Within(1, long.MaxValue, "a limit"));
            default:
                throw new InvalidDataException($"unknown update {kind} of a CRDT store");
        }
    }
}
