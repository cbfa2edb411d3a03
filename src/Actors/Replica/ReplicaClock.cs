using System.Diagnostics;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Replica;

/// <summary>The two clocks of a replica, in microseconds.</summary>
internal sealed class ReplicaClock(TimeSpan wallError)
{
    private readonly long _wallError = (long)wallError.TotalMicroseconds;

    public static long Monotonic => (long)Stopwatch.GetElapsedTime(0).TotalMicroseconds;

    public Instant Now => new(Monotonic, (DateTime.UtcNow - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond, _wallError);
}
