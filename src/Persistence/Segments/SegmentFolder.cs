using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace ActorRepl.Persistence.Segments;

/// <summary>The files of a log: <c>wal/</c> in the node's directory, a file a segment, named by its number.</summary>
internal sealed class SegmentFolder(string directory, LogFaults faults)
{
    /// <summary>The folder's name in the node's directory.</summary>
    public const string Name = "wal";

    private const string Extension = ".segment";
    private const string Unfinished = ".new";
    private const int Piece = 4 << 20;

    private int _unfinished;

    public string Path { get; } = System.IO.Path.Combine(directory, Name);

    public SegmentIdentity Identity { get; } = new(directory, faults);

    public bool Exists => Directory.Exists(Path);

    public void Make()
    {
        Directory.CreateDirectory(Path);
        DurableFile.SyncDirectory(directory);
    }

    /// <summary>Numbers and paths of the segment files, in order. What was never finished is removed.</summary>
    public List<(int Number, string Path)> List()
    {
        foreach (string unfinished in Directory.GetFiles(Path, "*" + Unfinished))
            File.Delete(unfinished);
        var found = new List<(int, string)>();
        foreach (string file in Directory.GetFiles(Path, "*" + Extension))
        {
            if (int.TryParse(System.IO.Path.GetFileNameWithoutExtension(file), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0)
                found.Add((number, file));
        }

        found.Sort();
        return found;
    }

    /// <summary>
    /// Makes a segment that nothing has been written to: from a file that is free, or from a new one, whose space is taken
    /// and written before it is used. It is in the folder for good on return.
    /// </summary>
    /// <exception cref="IOException">
    /// There is no space, or the disk failed; nothing is left but what the identity may name.
    /// </exception>
    public SegmentFile Create(SegmentHeader header, string? free)
    {
        string final = System.IO.Path.Combine(Path, header.Number.ToString("D8", CultureInfo.InvariantCulture) + Extension);
        string path = free ?? System.IO.Path.Combine(Path, $"{_unfinished++}{Unfinished}");
        try
        {
            using (SafeFileHandle handle = File.OpenHandle(path, free is null ? FileMode.Create : FileMode.Open, FileAccess.ReadWrite))
            {
                if (free is null)
                    Fill(handle, header.Size);
                Span<byte> page = stackalloc byte[SegmentFormat.Page];
                header.Write(page);
                RandomAccess.Write(handle, page, 0);
                NativeFile.SyncData(handle);
            }

            // One that is there is empty: an attempt to make it, or to make it anew, has failed.
            File.Move(path, final, overwrite: true);
            path = final;
            DurableFile.SyncDirectory(Path);
            return SegmentFile.Open(final, header.Number) ?? throw new IOException($"{final} is not what was written to it");
        }
        catch
        {
            // Written once, half or not at all: nothing of it is used again.
            if (path == final)
                Discard(final, header.Number);
            else
                TryDelete(path);
            throw;
        }
    }

    /// <summary>Removes an empty segment that cannot be used, unless it would be missed: then it stays until another takes its place.</summary>
    public void Discard(string path, int number)
    {
        if (!Identity.MayName(number))
            TryDelete(path);
    }

    /// <summary>Moves the folder out of the way, for a person to look at, and says where to.</summary>
    public string PutAside()
    {
        string aside = $"{Path}.damaged-{DateTime.UtcNow:yyyyMMdd'T'HHmmssfff}";
        if (!Exists)
            return aside;
        Directory.Move(Path, aside);
        DurableFile.SyncDirectory(directory);
        return aside;
    }

    public static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (IOException)
        {
            // It stays, named as what it is; the next start removes it or uses it.
        }
    }

    /// <summary>In pieces that are synced one by one: a commit that comes meanwhile waits for one of them at most.</summary>
    private static void Fill(SafeFileHandle handle, int size)
    {
        NativeFile.Allocate(handle, size);
        byte[] zeros = new byte[Math.Min(size, Piece)];
        for (int offset = 0; offset < size; offset += zeros.Length)
        {
            RandomAccess.Write(handle, zeros.AsSpan(0, Math.Min(zeros.Length, size - offset)), offset);
            NativeFile.SyncData(handle);
        }

        RandomAccess.FlushToDisk(handle);
    }
}
