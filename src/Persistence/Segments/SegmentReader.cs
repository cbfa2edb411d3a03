namespace ActorRepl.Persistence.Segments;

/// <summary>Reads events beside the writer.</summary>
internal static class SegmentReader
{
    /// <summary>From here on one read fetches what lies between two records too.</summary>
    private const int Near = 16 << 10;

    /// <summary>
    /// Reads from <paramref name="from"/> to <paramref name="to"/>, both included, until <paramref name="maxBytes"/> are
    /// passed or there are <paramref name="maxRows"/>. A damaged record is one among the others.
    /// </summary>
    /// <exception cref="StorageFailedException">The disk failed, or the log was closed meanwhile.</exception>
    public static List<StoredRecord> Read(SegmentIndex index, string persistenceId, long from, long to, long maxRows, long maxBytes)
    {
        var places = new List<Place>();
        var pinned = new Dictionary<int, SegmentFile>();
        JournalName? name;
        bool closed = false;
        lock (index.Lock)
        {
            name = index.Find(persistenceId);
            if (name is null)
                return [];
            long bytes = 0;
            for (int i = name.Places.IndexOf(from); i < name.Places.Count && places.Count < maxRows && bytes < maxBytes; i++)
            {
                Place place = name.Places[i];
                if (place.Seq > to)
                    break;
                places.Add(place);
                bytes += place.Length;
                SegmentFile segment = index.Segments[place.Segment];
                if (pinned.ContainsKey(place.Segment))
                    continue;
                if (closed = !segment.TryPin())
                    break;
                pinned.Add(place.Segment, segment);
            }
        }

        try
        {
            if (closed)
                throw new StorageFailedException("the log was closed while it was read");
            return Read(name, places, pinned);
        }
        catch (Exception e) when (e is IOException and not StorageException or ObjectDisposedException)
        {
            throw new StorageFailedException($"the log cannot be read: {e.Message}", e);
        }
        finally
        {
            foreach (SegmentFile segment in pinned.Values)
                segment.Unpin();
        }
    }

    private static List<StoredRecord> Read(JournalName name, List<Place> places, Dictionary<int, SegmentFile> pinned)
    {
        var records = new List<StoredRecord>(places.Count);
        byte[] buffer = [];
        for (int i = 0; i < places.Count;)
        {
            // Records that lie near each other are fetched together.
            Place first = places[i];
            int end = first.Offset + first.Length, next = i + 1;
            while (next < places.Count && places[next].Segment == first.Segment && places[next].Offset >= end
                && places[next].Offset - end < Near && places[next].Offset + places[next].Length - first.Offset < 1 << 20)
                end = places[next].Offset + places[next++].Length;
            if (buffer.Length < end - first.Offset)
                buffer = new byte[end - first.Offset];
            int read = pinned[first.Segment].Read(buffer.AsSpan(0, end - first.Offset), first.Offset);
            for (; i < next; i++)
            {
                int at = places[i].Offset - first.Offset;
                records.Add(SegmentRecord.ToStored(buffer.AsSpan(Math.Min(at, read), Math.Max(0, Math.Min(places[i].Length, read - at))), places[i], name));
            }
        }

        return records;
    }
}
