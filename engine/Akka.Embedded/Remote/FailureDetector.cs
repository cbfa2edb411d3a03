using Akka.Actor;
using Akka.Configuration;
using Akka.Event;

namespace Akka.Remote;

/// <summary>A monotonic clock, in milliseconds.</summary>
public delegate long Clock();

/// <summary>Says whether the resource it watches is believed to be up, from the heartbeats it is told of.</summary>
public abstract class FailureDetector
{
    /// <summary>The machine's monotonic clock, in milliseconds.</summary>
    public static readonly Clock DefaultClock = () => Environment.TickCount64;

    /// <summary>True while the resource is believed to be up, and before the first heartbeat.</summary>
    public abstract bool IsAvailable { get; }

    /// <summary>True once a heartbeat has been seen.</summary>
    public abstract bool IsMonitoring { get; }

    /// <summary>Records a sign of life.</summary>
    public abstract void HeartBeat();
}

/// <summary>Suspects the resource when no heartbeat came within interval plus acceptable pause.</summary>
public class DeadlineFailureDetector : FailureDetector
{
    private readonly Clock _clock;
    private readonly long _limitMs;
    private long _last = -1;

    public DeadlineFailureDetector(TimeSpan acceptableHeartbeatPause, TimeSpan heartbeatInterval, Clock? clock = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(acceptableHeartbeatPause, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(heartbeatInterval, TimeSpan.Zero);
        _clock = clock ?? DefaultClock;
        _limitMs = (long)(acceptableHeartbeatPause + heartbeatInterval).TotalMilliseconds;
    }

    public DeadlineFailureDetector(Config config, EventStream eventStream)
        : this(config.GetTimeSpan("acceptable-heartbeat-pause"), config.GetTimeSpan("heartbeat-interval"))
    {
    }

    public override bool IsAvailable => Volatile.Read(ref _last) is var last && (last < 0 || _clock() < last + _limitMs);
    public override bool IsMonitoring => Volatile.Read(ref _last) >= 0;
    public override void HeartBeat() => Volatile.Write(ref _last, _clock());
}

/// <summary>
/// The phi accrual failure detector (Hayashibara, Défago, Yared, Katayama, SRDS 2004): suspicion grows with the silence,
/// measured against the inter-arrival times seen so far, and counts as a failure at <c>threshold</c>.
/// </summary>
public class PhiAccrualFailureDetector : FailureDetector
{
    private readonly Lock _sync = new();
    private readonly Clock _clock;
    private readonly double _threshold;
    private readonly double _minStdDeviationMs;
    private readonly double _acceptablePauseMs;
    private readonly double[] _intervals;
    private int _count;
    private int _next;
    private double _sum;
    private double _sumOfSquares;
    private long _last = -1;

    public PhiAccrualFailureDetector(
        double threshold,
        int maxSampleSize,
        TimeSpan minStdDeviation,
        TimeSpan acceptableHeartbeatPause,
        TimeSpan firstHeartbeatEstimate,
        Clock? clock = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threshold);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSampleSize, 2);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(minStdDeviation, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(acceptableHeartbeatPause, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(firstHeartbeatEstimate, TimeSpan.Zero);
        _clock = clock ?? DefaultClock;
        _threshold = threshold;
        _minStdDeviationMs = minStdDeviation.TotalMilliseconds;
        _acceptablePauseMs = acceptableHeartbeatPause.TotalMilliseconds;
        _intervals = new double[maxSampleSize];
        // Two guesses around the expected interval stand in until real ones arrive.
        double first = firstHeartbeatEstimate.TotalMilliseconds;
        Record(first - first / 4);
        Record(first + first / 4);
    }

    public PhiAccrualFailureDetector(Config config, EventStream ev)
        : this(
            config.GetDouble("threshold"),
            config.GetInt("max-sample-size"),
            config.GetTimeSpan("min-std-deviation"),
            config.GetTimeSpan("acceptable-heartbeat-pause"),
            config.GetTimeSpan("heartbeat-interval"))
    {
    }

    /// <summary>What is watched, for logs.</summary>
    public string Address { get; set; } = "N/A";

    public override bool IsAvailable
    {
        get { lock (_sync) return Phi(_clock()) < _threshold; }
    }

    public override bool IsMonitoring
    {
        get { lock (_sync) return _last >= 0; }
    }

    public override void HeartBeat()
    {
        lock (_sync)
        {
            long now = _clock();
            // An interval that ended a suspected silence says nothing about the normal rhythm.
            if (_last >= 0 && Phi(now) < _threshold)
                Record(now - _last);
            _last = now;
        }
    }

    private void Record(double interval)
    {
        if (_count == _intervals.Length)
        {
            double old = _intervals[_next];
            _sum -= old;
            _sumOfSquares -= old * old;
        }
        else
        {
            _count++;
        }
        _intervals[_next] = interval;
        _next = (_next + 1) % _intervals.Length;
        _sum += interval;
        _sumOfSquares += interval * interval;
    }

    /// <summary>−log10 of the chance that a heartbeat is still to come after so long a silence.</summary>
    private double Phi(long now)
    {
        if (_last < 0)
            return 0;
        double mean = _sum / _count;
        double deviation = Math.Max(Math.Sqrt(Math.Max(0, _sumOfSquares / _count - mean * mean)), _minStdDeviationMs);
        double y = (now - _last - (mean + _acceptablePauseMs)) / deviation;
        // Logistic approximation of the normal distribution's tail; its error is under 0.00014.
        double e = Math.Exp(-y * (1.5976 + 0.070566 * y * y));
        return y > 0 ? -Math.Log10(e / (1 + e)) : -Math.Log10(1 - 1 / (1 + e));
    }
}

/// <summary>Failure detectors by resource.</summary>
public interface IFailureDetectorRegistry<in T>
{
    /// <summary>True while the resource is believed to be up or is not watched.</summary>
    bool IsAvailable(T resource);

    /// <summary>True once a heartbeat of the resource has been seen.</summary>
    bool IsMonitoring(T resource);

    /// <summary>Records a sign of life; the first one starts the watch.</summary>
    void Heartbeat(T resource);

    /// <summary>Forgets the resource.</summary>
    void Remove(T resource);

    /// <summary>Forgets every resource.</summary>
    void Reset();
}

/// <summary>Makes one failure detector for each resource, on its first heartbeat.</summary>
public class DefaultFailureDetectorRegistry<T>(Func<FailureDetector> factory) : IFailureDetectorRegistry<T>
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<T, FailureDetector> _detectors = new();

    public bool IsAvailable(T resource) => !_detectors.TryGetValue(resource, out var detector) || detector.IsAvailable;
    public bool IsMonitoring(T resource) => _detectors.TryGetValue(resource, out var detector) && detector.IsMonitoring;
    public void Heartbeat(T resource) => _detectors.GetOrAdd(resource, static (_, make) => make(), factory).HeartBeat();
    public void Remove(T resource) => _detectors.TryRemove(resource, out _);
    public void Reset() => _detectors.Clear();
}

/// <summary>Makes the failure detector a setting names.</summary>
public static class FailureDetectorLoader
{
    /// <exception cref="ConfigurationException">The class is none of those the engine has.</exception>
    public static FailureDetector Load(string fqcn, Config config, ActorSystem system)
    {
        string name = fqcn.Split(',')[0].Trim();
        if (name == typeof(PhiAccrualFailureDetector).FullName)
            return new PhiAccrualFailureDetector(config, system.EventStream);
        if (name == typeof(DeadlineFailureDetector).FullName)
            return new DeadlineFailureDetector(config, system.EventStream);
        throw new ConfigurationException(
            $"failure detector implementation-class is '{fqcn}'; it must be {typeof(PhiAccrualFailureDetector).FullName} or {typeof(DeadlineFailureDetector).FullName}");
    }
}
