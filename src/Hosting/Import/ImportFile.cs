using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace ActorRepl.Hosting.Import;

/// <summary>The lines of a file, gzipped or not, one after the other and without holding the file in memory.</summary>
internal sealed class ImportFile : IAsyncDisposable
{
    // Null: standard input.
    private readonly FileStream? _file;
    private readonly PipeReader _reader;
    private readonly int _maxLineBytes;
    private long _line;

    private ImportFile(FileStream? file, Stream content, int maxLineBytes)
    {
        _file = file;
        _maxLineBytes = maxLineBytes;
        _reader = PipeReader.Create(content, new StreamPipeReaderOptions(bufferSize: 64 * 1024));
    }

    /// <summary>The share of the file that has been read, 0 to 1; of standard input 0.</summary>
    public double Share => _file is null ? 0 : _file.Length == 0 ? 1 : (double)_file.Position / _file.Length;

    /// <param name="path"><c>-</c>: standard input, which is not gzipped.</param>
    /// <param name="maxLineBytes">A longer line is an error.</param>
    /// <exception cref="UserErrorException">The file cannot be opened.</exception>
    public static ImportFile Open(string path, int maxLineBytes)
    {
        if (path == "-")
            return new ImportFile(null, Console.OpenStandardInput(), maxLineBytes);
        try
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 64 * 1024);
            Span<byte> magic = stackalloc byte[2];
            bool gzip = file.ReadAtLeast(magic, 2, throwOnEndOfStream: false) == 2 && magic is [0x1f, 0x8b];
            file.Position = 0;
            return new ImportFile(file, gzip ? new GZipStream(file, CompressionMode.Decompress) : file, maxLineBytes);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} cannot be read: {unreadable.Message}");
        }
    }

    /// <summary>Every line with its number, without its end; blank lines are passed over.</summary>
    /// <exception cref="ImportLineException">A line is too long, or the compressed data is damaged.</exception>
    public async IAsyncEnumerable<(long Number, ReadOnlySequence<byte> Bytes)> LinesAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        while (true)
        {
            ReadResult read = await ReadAsync(cancellation).ConfigureAwait(false);
            ReadOnlySequence<byte> rest = read.Buffer;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                ReadOnlySequence<byte> line = rest.Slice(0, end);
                rest = rest.Slice(rest.GetPosition(1, end));
                _line++;
                if (!IsBlank(line))
                    yield return (_line, line);
            }

            if (rest.Length > _maxLineBytes)
                throw new ImportLineException(_line + 1, $"it is longer than {_maxLineBytes} bytes");
            if (read.IsCompleted)
            {
                _line++;
                if (!IsBlank(rest))
                    yield return (_line, rest);
                yield break;
            }

            _reader.AdvanceTo(rest.Start, rest.End);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // A read of standard input may be under way for ever.
        if (_file is null)
            return;
        await _reader.CompleteAsync().ConfigureAwait(false);
        await _file.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask<ReadResult> ReadAsync(CancellationToken cancellation)
    {
        try
        {
            return await _reader.ReadAsync(cancellation).AsTask().WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (InvalidDataException damage)
        {
            throw new ImportLineException(_line + 1, $"the compressed data is damaged here: {damage.Message}");
        }
    }

    private static bool IsBlank(in ReadOnlySequence<byte> line)
    {
        foreach (ReadOnlyMemory<byte> part in line)
        {
            if (part.Span.ContainsAnyExcept(" \t\r"u8))
                return false;
        }

        return true;
    }
}
