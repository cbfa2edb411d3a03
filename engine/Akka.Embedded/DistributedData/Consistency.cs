namespace Akka.DistributedData;

/// <summary>How many replicas a read must hear.</summary>
public interface IReadConsistency
{
    TimeSpan Timeout { get; }
}

/// <summary>How many replicas must have stored a write before it counts as done.</summary>
public interface IWriteConsistency
{
    TimeSpan Timeout { get; }
}

/// <summary>This node's replica only.</summary>
public sealed class ReadLocal : IReadConsistency
{
    public static readonly ReadLocal Instance = new();
    private ReadLocal() { }
    public TimeSpan Timeout => TimeSpan.Zero;
    public override string ToString() => nameof(ReadLocal);
}

/// <summary>That many replicas, this node's among them.</summary>
public sealed class ReadFrom(int n, TimeSpan timeout) : IReadConsistency, IEquatable<ReadFrom>
{
    public int N { get; } = n;
    public TimeSpan Timeout { get; } = timeout;
    public bool Equals(ReadFrom other) => other is not null && N == other.N && Timeout == other.Timeout;
    public override bool Equals(object obj) => Equals(obj as ReadFrom);
    public override int GetHashCode() => HashCode.Combine(N, Timeout);
    public override string ToString() => $"ReadFrom({N}, timeout={Timeout})";
}

/// <summary>More than half of the replicas, and at least <paramref name="minCapacity"/>, but no more than there are.</summary>
public sealed class ReadMajority(TimeSpan timeout, int minCapacity = 0) : IReadConsistency, IEquatable<ReadMajority>
{
    public TimeSpan Timeout { get; } = timeout;
    public int MinCapacity { get; } = minCapacity;
    public bool Equals(ReadMajority other) => other is not null && Timeout == other.Timeout && MinCapacity == other.MinCapacity;
    public override bool Equals(object obj) => Equals(obj as ReadMajority);
    public override int GetHashCode() => HashCode.Combine(Timeout, MinCapacity);
    public override string ToString() => $"ReadMajority(timeout={Timeout})";
}

/// <summary>Every replica.</summary>
public sealed class ReadAll(TimeSpan timeout) : IReadConsistency, IEquatable<ReadAll>
{
    public TimeSpan Timeout { get; } = timeout;
    public bool Equals(ReadAll other) => other is not null && Timeout == other.Timeout;
    public override bool Equals(object obj) => Equals(obj as ReadAll);
    public override int GetHashCode() => Timeout.GetHashCode();
    public override string ToString() => $"ReadAll(timeout={Timeout})";
}

/// <summary>This node's replica only; the others are told later.</summary>
public sealed class WriteLocal : IWriteConsistency
{
    public static readonly WriteLocal Instance = new();
    private WriteLocal() { }
    public TimeSpan Timeout => TimeSpan.Zero;
    public override string ToString() => nameof(WriteLocal);
}

/// <summary>That many replicas, this node's among them.</summary>
public sealed class WriteTo : IWriteConsistency, IEquatable<WriteTo>
{
    public WriteTo(int count, TimeSpan timeout)
    {
        if (count < 2) throw new ArgumentException($"WriteTo needs a count of at least 2, not {count}; one replica is WriteLocal", nameof(count));
        Count = count;
        Timeout = timeout;
    }

    public int Count { get; }
    public TimeSpan Timeout { get; }
    public bool Equals(WriteTo other) => other is not null && Count == other.Count && Timeout == other.Timeout;
    public override bool Equals(object obj) => Equals(obj as WriteTo);
    public override int GetHashCode() => HashCode.Combine(Count, Timeout);
    public override string ToString() => $"WriteTo({Count}, timeout={Timeout})";
}

/// <inheritdoc cref="ReadMajority"/>
public sealed class WriteMajority(TimeSpan timeout, int minCapacity = 0) : IWriteConsistency, IEquatable<WriteMajority>
{
    public TimeSpan Timeout { get; } = timeout;
    public int MinCapacity { get; } = minCapacity;
    public bool Equals(WriteMajority other) => other is not null && Timeout == other.Timeout && MinCapacity == other.MinCapacity;
    public override bool Equals(object obj) => Equals(obj as WriteMajority);
    public override int GetHashCode() => HashCode.Combine(Timeout, MinCapacity);
    public override string ToString() => $"WriteMajority(timeout={Timeout})";
}

/// <summary>Every replica.</summary>
public sealed class WriteAll(TimeSpan timeout) : IWriteConsistency, IEquatable<WriteAll>
{
    public TimeSpan Timeout { get; } = timeout;
    public bool Equals(WriteAll other) => other is not null && Timeout == other.Timeout;
    public override bool Equals(object obj) => Equals(obj as WriteAll);
    public override int GetHashCode() => Timeout.GetHashCode();
    public override string ToString() => $"WriteAll(timeout={Timeout})";
}
