using ActorRepl.Persistence.Segments;

namespace ActorRepl.Persistence.Tests;

/// <summary>Looks into the files of a segment store that is closed, or a copy of one that is not.</summary>
internal static class SegmentBytes
{
    /// <summary>The segments' files, oldest first.</summary>
    public static string[] Files(string directory) =>
        [.. Directory.GetFiles(Path.Combine(directory, SegmentFolder.Name), "*.segment").Order(StringComparer.Ordinal)];

    /// <summary>The groups of all segments, as far as they follow one another, seals left out.</summary>
    public static List<Group> Groups(string directory)
    {
        var groups = new List<Group>();
        foreach (string path in Files(directory))
        {
            byte[] bytes = File.ReadAllBytes(path);
            if (SegmentHeader.Read(bytes) is not { } header)
                continue;
            int offset = SegmentFormat.FirstGroup;
            while (offset < bytes.Length && GroupHeader.TryRead(bytes.AsSpan(offset), header.Salt, offset, out GroupHeader group) && group.Kind == GroupKind.Group)
            {
                groups.Add(new Group(path, offset, group.Length, group.Number, group.Records, header.Salt));
                offset += group.Length;
            }
        }

        return groups;
    }

    public static IEnumerable<Record> Records(string directory)
    {
        foreach (Group group in Groups(directory))
        {
            byte[] bytes = File.ReadAllBytes(group.Path);
            uint salt = RecordHeader.GroupSalt(group.Salt, group.Number);
            for (int i = 0, at = group.Offset + GroupHeader.Size; i < group.Records; i++)
            {
                Assert.True(RecordHeader.TryRead(bytes.AsSpan(at), salt, out RecordHeader header));
                yield return new Record(group.Path, at, header.Length, header.Name, header.Seq, header.Kind);
                at += header.Length;
            }
        }
    }

    public static void Flip(string path, long offset, byte bits)
    {
        using FileStream file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        int was = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(was ^ bits));
    }

    public sealed record Group(string Path, int Offset, int Length, long Number, int Records, uint Salt);

    public sealed record Record(string Path, int Offset, int Length, int Name, long Seq, byte Kind)
    {
        public bool IsEvent => Kind < LogRecordKind.Name;
    }
}
