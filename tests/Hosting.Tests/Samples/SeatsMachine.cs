using System.Collections.Immutable;
using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Tests.Samples;

// sample: seats
/// <summary>Who has which seat: the command "seat=name" takes a free one, and its result is whose it is now.</summary>
public sealed class SeatsMachine : IStateMachine
{
    private ImmutableSortedDictionary<string, string> _seats = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    public long ApproximateBytes => _seats.Count * 100;

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
    {
        if (Encoding.UTF8.GetString(command.Payload.Span).Split('=') is not [var seat, var name])
            return "wrong"u8.ToArray();                       // never throw for what a client can send
        if (!_seats.ContainsKey(seat))
            _seats = _seats.Add(seat, name);                  // the first has it, on every replica
        return Encoding.UTF8.GetBytes(_seats[seat]);
    }

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) =>
        Encoding.UTF8.GetBytes(_seats.GetValueOrDefault(Encoding.UTF8.GetString(query.Span), ""));

    public ICheckpointView BeginCheckpoint() => new View(_seats);   // what is immutable needs no copy

    public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments) => _seats = segments
        .Select(segment => Encoding.UTF8.GetString(segment.Span).Split('='))
        .ToImmutableSortedDictionary(seat => seat[0], seat => seat[1], StringComparer.Ordinal);

    private sealed record View(ImmutableSortedDictionary<string, string> Seats) : ICheckpointView
    {
        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes) =>
            Seats.Select(seat => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes($"{seat.Key}={seat.Value}"));

        public void Dispose() { }
    }
}
// end
