using System.Buffers;
using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence.Segments;

/// <summary>
/// Keeps a few old records from holding back many segments: what still lives in the oldest is written anew at the end of
/// the log, in pieces that share groups with other writes, and the segment goes. Done while less than half of a large log
/// lives, so the log is at most twice what lives in it.
/// </summary>
internal sealed class SegmentCompactor(SegmentWriter writer, long above, Action<string> report)
{
    private const int PieceBytes = 512 << 10;
    private int _running;

    /// <summary>On the writer's thread.</summary>
    public void StartIfWorthwhile(OpenLog log)
    {
        if (Volatile.Read(ref _running) != 0)
            return;
        long used = log.UsedBytes;
        if (log.Index.Segments.Count < 2 || log.Index.LiveBytes * 2 > used || used < above && !log.Preparer.IsFull)
            return;
        SegmentFile oldest = log.Index.Segments.Values.First();
        // One that is dead goes with the next group; with no space it must be worth its own.
        if (oldest.LiveEvents == 0 || log.Preparer.IsFull && oldest.LiveBytes > log.Remaining / 2 || !oldest.TryPin())
            return;
        _running = 1;
        _ = Task.Run(() => MoveAsync(log, oldest));
    }

    private async Task MoveAsync(OpenLog log, SegmentFile oldest)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            List<(JournalName Name, Place Place)> live = Live(log, oldest);
            for (int next = 0; next < live.Count && ReferenceEquals(writer.Log, log);)
            {
                var piece = new List<(JournalName Name, Place Place, RecordHeader Header, int At)>();
                int bytes = 0;
                for (; next < live.Count && (piece.Count == 0 || bytes + live[next].Place.Length <= PieceBytes); next++)
                {
                    (JournalName name, Place place) = live[next];
                    if (buffer.Length < bytes + place.Length)
                    {
                        ArrayPool<byte>.Shared.Return(buffer);
                        buffer = ArrayPool<byte>.Shared.Rent(place.Length);
                    }

                    int read = oldest.Read(buffer.AsSpan(bytes, place.Length), place.Offset);
                    piece.Add((name, place, SegmentRecord.Check(buffer.AsSpan(bytes, read), place, name, out RecordHeader header) is null ? header : default, bytes));
                    bytes += place.Length;
                }

                byte[] source = buffer;
                await writer.RunAsync(bytes, needsSpace: false, current => Move(current, log, piece, source)).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Tried again with what is written next.
            if (e is not StorageFullException and not ObjectDisposedException)
                report($"old records could not be written anew: {e.Message}");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            oldest.Unpin();
            Volatile.Write(ref _running, 0);
        }
    }

    private static List<(JournalName Name, Place Place)> Live(OpenLog log, SegmentFile oldest)
    {
        var live = new List<(JournalName Name, Place Place)>();
        int names;
        lock (log.Index.Lock)
            names = log.Index.Names.Count;
        for (int i = 1; i <= names; i++)
        {
            lock (log.Index.Lock)
            {
                if (log.Index.Find(i) is { } name)
                    live.AddRange(SegmentIndex.PlacesBefore(name, oldest.Number + 1).Select(place => (name, place)));
            }
        }

        live.Sort((a, b) => a.Place.Offset.CompareTo(b.Place.Offset));
        return live;
    }

    private static bool Move(OpenLog current, OpenLog log, List<(JournalName Name, Place Place, RecordHeader Header, int At)> piece, byte[] source)
    {
        if (!ReferenceEquals(current, log))
            return false;
        foreach ((JournalName name, Place place, RecordHeader header, int at) in piece)
        {
            int index = name.Places.IndexOf(place.Seq);
            if (index == name.Places.Count || name.Places[index] != place)
                continue;
            if (header.Name == name.Number)
            {
                log.Buffer.Move(name, header, source.AsSpan(at + RecordHeader.Size, place.Length - RecordHeader.Size));
                continue;
            }

            // A damaged record stays one.
            byte[] why = Encoding.UTF8.GetBytes($"the checksum of record {place.Seq} of {name.Name} does not match");
            var lost = new RecordHeader((byte)RecordKind.Lost, name.Number, place.Seq, 0, why.Length, 0);
            log.Buffer.Move(name, lost with { Content = SegmentRecord.Checksum(lost, [], why) }, why);
        }

        return true;
    }
}
