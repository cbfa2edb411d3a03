using System.Text;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Logging;

/// <summary>
/// A log file that is put aside as <c>.1</c>, <c>.2</c> … when it has grown to a size. A disk that takes no more does not
/// stop what is being logged.
/// </summary>
internal sealed class RollingFile(string path, long maxBytes, int files) : IDisposable
{
    private readonly Lock _lock = new();
    private FileStream? _file;

    public void Write(string line)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(line);
        lock (_lock)
        {
            try
            {
                _file ??= new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
                if (_file.Position > 0 && _file.Position + bytes.Length > maxBytes)
                    Roll();
                _file!.Write(bytes);
            }
            catch (IOException)
            {
                _file?.Dispose();
                _file = null;
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
            _file?.Dispose();
    }

    private void Roll()
    {
        _file!.Dispose();
        _file = null;
        for (int i = files - 1; i >= 1; i--)
        {
            if (File.Exists($"{path}.{i}"))
                File.Move($"{path}.{i}", $"{path}.{i + 1}", overwrite: true);
        }

        if (files > 0)
            File.Move(path, $"{path}.1", overwrite: true);
        _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
    }
}

/// <summary>Writes log lines to a <see cref="RollingFile"/>, or to standard error without one.</summary>
internal sealed class LineLoggerProvider(RollingFile? file, LogLevel least) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new LineLogger(this, categoryName[(categoryName.LastIndexOf('.') + 1)..]);

    public void Dispose() => file?.Dispose();

    private void Write(string line)
    {
        if (file is null)
            Console.Error.Write(line);
        else
            file.Write(line);
    }

    private sealed class LineLogger(LineLoggerProvider provider, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= provider.Least;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            string cause = exception is null ? "" : $"\n{exception}";
            provider.Write($"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {Name(logLevel)} {category}: {formatter(state, exception)}{cause}\n");
        }
    }

    private LogLevel Least => least;

    private static string Name(LogLevel level) => level switch
    {
        LogLevel.Trace or LogLevel.Debug => "debug",
        LogLevel.Information => "info ",
        LogLevel.Warning => "WARN ",
        _ => "ERROR",
    };
}
