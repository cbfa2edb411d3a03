using System.Text.Json;
using System.Text.Json.Serialization;

namespace ActorRepl.Hosting.Import;

/// <summary>What an import is to do.</summary>
/// <param name="File">JSON lines, gzipped or not.</param>
/// <param name="GoOn">Pass over bad lines.</param>
/// <param name="Report">Where every line that was not stored is written; null: nowhere.</param>
internal sealed record ImportOptions(string File, bool GoOn, string? Report, bool Json)
{
    /// <summary>Of which group the keys are to be; null: of the one that Redis clients see.</summary>
    public string? Group { get; init; }
}

/// <summary>The file that says of each line that was not stored why: JSON lines, in no order. Thread-safe.</summary>
internal sealed partial class ImportProblems : IDisposable
{
    private readonly StreamWriter _file;

    private ImportProblems(StreamWriter file) => _file = file;

    /// <exception cref="UserErrorException">The file cannot be written.</exception>
    public static ImportProblems Create(string path)
    {
        try
        {
            return new ImportProblems(new StreamWriter(path, append: false));
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} cannot be written: {unwritable.Message}");
        }
    }

    public void Add(long line, string problem)
    {
        string text = JsonSerializer.Serialize(new Problem(line, problem), ProblemJson.Default.Problem);
        lock (_file)
            _file.WriteLine(text);
    }

    public void Dispose() => _file.Dispose();

    internal sealed record Problem([property: JsonPropertyName("line")] long Line, [property: JsonPropertyName("problem")] string What);

    [JsonSerializable(typeof(Problem))]
    private sealed partial class ProblemJson : JsonSerializerContext;
}
