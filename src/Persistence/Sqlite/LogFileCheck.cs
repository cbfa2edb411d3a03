using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>
/// Reads SQLite's log file (https://sqlite.org/fileformat2.html#the_write_ahead_log) before SQLite does. SQLite ends the log
/// at the first frame whose checksum is wrong, silently, as it must after a crash. But a transaction is synced before the
/// next one begins, so a bad frame that a later transaction follows had been durable: that is damage, not a torn tail.
/// </summary>
internal static class LogFileCheck
{
    private const int HeaderSize = 32;
    private const int FrameHeaderSize = 24;

    /// <summary>What is wrong with the log; null: nothing that can be told, or there is no log.</summary>
    public static string? FindDamage(string path)
    {
        if (!File.Exists(path))
            return null;
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1 << 20);
        Span<byte> header = stackalloc byte[HeaderSize];
        if (file.ReadAtLeast(header, HeaderSize, throwOnEndOfStream: false) < HeaderSize)
            return null;
        uint magic = Word(header, 0);
        int pageSize = (int)Word(header, 8);
        bool bigEndian = magic == 0x377f0683;
        if (!bigEndian && magic != 0x377f0682 || pageSize is < 512 or > 65536)
            return file.Length > HeaderSize + FrameHeaderSize ? $"{path} has no valid header" : null;
        (uint, uint) sum = Checksum(header[..24], (0, 0), bigEndian);
        if (sum != (Word(header, 24), Word(header, 28)))
            return file.Length > HeaderSize + FrameHeaderSize ? $"{path} has a damaged header" : null;
        return FindDamage(file, path, header[16..24], pageSize, bigEndian, sum);
    }

    private static string? FindDamage(
        FileStream file, string path, ReadOnlySpan<byte> salts, int pageSize, bool bigEndian, (uint, uint) sum)
    {
        byte[] frame = new byte[FrameHeaderSize + pageSize];
        long number = 0, firstBad = 0;
        bool badCommitted = false;
        while (file.ReadAtLeast(frame, frame.Length, throwOnEndOfStream: false) == frame.Length)
        {
            number++;
            bool current = frame.AsSpan(8, 8).SequenceEqual(salts);
            if (firstBad == 0)
            {
                (uint, uint) next = Checksum(frame.AsSpan(FrameHeaderSize), Checksum(frame.AsSpan(0, 8), sum, bigEndian), bigEndian);
                if (current && next == (Word(frame, 16), Word(frame, 20)))
                    sum = next;
                else
                    firstBad = number;
            }

            if (firstBad == 0)
                continue;
            // A frame of this round after the commit frame of the bad transaction: the bad one had been synced.
            if (badCommitted && current)
                return $"{path} is damaged in frame {firstBad}, and frame {number} of a later transaction follows it";
            badCommitted |= current && Word(frame, 4) != 0;
        }

        return null;
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private static (uint, uint) Checksum(ReadOnlySpan<byte> bytes, (uint First, uint Second) seed, bool bigEndian)
    {
        (uint first, uint second) = seed;
        bool swap = bigEndian == BitConverter.IsLittleEndian;
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        for (int i = 0; i + 1 < words.Length; i += 2)
        {
            first += second + (swap ? BinaryPrimitives.ReverseEndianness(words[i]) : words[i]);
            second += first + (swap ? BinaryPrimitives.ReverseEndianness(words[i + 1]) : words[i + 1]);
        }

        return (first, second);
    }
}
