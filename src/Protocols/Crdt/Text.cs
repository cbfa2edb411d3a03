using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>A text that any replica may edit at any index. Indexes and lengths are in UTF-16 code units, as those of a <see cref="string"/>.</summary>
public sealed class Text : Sequence<char>, ICrdt<Text>
{
    public static CrdtKind Kind => CrdtKind.Text;

    /// <summary>Inserts a text so that its first unit gets this index.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The text is shorter.</exception>
    public void Insert(VersionSource source, int index, string text) => InsertItems(source, index, text);

    public override string ToString() => string.Create(Length, this, static (target, text) => text.CopyTo(target, 0));

    public string Substring(int index, int count) => new(ToArray(index, count));

    public void Merge(Text other) => MergeState(other);

    public Text Copy()
    {
        var copy = new Text();
        copy.Merge(this);
        return copy;
    }

    public static Text Read(ref CrdtReader reader)
    {
        var read = new Text();
        read.Fill(ref reader);
        return read;
    }
}
