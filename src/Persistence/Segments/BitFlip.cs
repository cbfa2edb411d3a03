namespace ActorRepl.Persistence.Segments;

/// <summary>Damages a durable record in its file, as a disk does; see <see cref="DiskFaults.FlipBitAsync"/>.</summary>
internal static class BitFlip
{
    public static string InRecord(SegmentIndex index, string replica, int newest)
    {
        JournalName name;
        Place place;
        SegmentFile segment;
        lock (index.Lock)
        {
            name = index.Names.LastOrDefault(known => known is not null && DiskFaults.IsReplica(known.Name, replica))
                ?? throw new InvalidOperationException($"the journal holds nothing of {replica}");
            if (newest > name.Places.Count)
                throw new InvalidOperationException($"{name.Name} has {name.Places.Count} durable records; there is no {newest} from the newest");
            place = name.Places[name.Places.Count - newest];
            segment = index.Segments[place.Segment];
            if (!segment.TryPin())
                throw new InvalidOperationException("the log was closed meanwhile; try again");
        }

        try
        {
            // In the content, not in the header, which is what tells where the next record lies.
            int at = place.Offset + RecordHeader.Size + (place.Length - RecordHeader.Size) / 2;
            Span<byte> one = stackalloc byte[1];
            if (segment.Read(one, at) < 1)
                throw new InvalidOperationException($"{segment.Path} ends before offset {at}");
            one[0] ^= 1;
            segment.Write(one, at);
            return $"record {place.Seq} of {name.Name}, at offset {at} of {segment.Path}";
        }
        catch (IOException failed)
        {
            throw new StorageFailedException($"{segment.Path} cannot be damaged: {failed.Message}", failed);
        }
        finally
        {
            segment.Unpin();
        }
    }
}
