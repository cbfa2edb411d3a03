using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using Akka.Actor;

namespace Akka.DistributedData;

/// <summary>Asks for a value. The answer is a <see cref="IGetResponse"/>.</summary>
public sealed class Get(IKey key, IReadConsistency consistency, object request = null) : IReplicatorMessage
{
    public IKey Key { get; } = key;
    public IReadConsistency Consistency { get; } = consistency;

    /// <summary>Whatever the asker wants to find in the answer.</summary>
    public object Request { get; } = request;
    public override string ToString() => $"Get({Key}, {Consistency})";
}

/// <summary>Changes a value: the function is given it, or null, and hands back the new one. The answer is a <see cref="IUpdateResponse"/>.</summary>
public sealed class Update(IKey key, IWriteConsistency consistency, Func<IReplicatedData, IReplicatedData> modify, object request = null)
    : INoSerializationVerificationNeeded
{
    /// <summary>As above; where there is no value yet the function is given the initial one.</summary>
    public Update(IKey key, IReplicatedData initial, IWriteConsistency consistency, Func<IReplicatedData, IReplicatedData> modify, object request = null)
        : this(key, consistency, data => modify(data ?? initial), request)
    {
    }

    public IKey Key { get; } = key;
    public IWriteConsistency Consistency { get; } = consistency;
    public Func<IReplicatedData, IReplicatedData> Modify { get; } = modify;
    public object Request { get; } = request;
    public override string ToString() => $"Update({Key}, {Consistency})";
}

/// <summary>Deletes a value for good: its key cannot be used again. The answer is a <see cref="IDeleteResponse"/>.</summary>
public sealed class Delete(IKey key, IWriteConsistency consistency, object request = null) : INoSerializationVerificationNeeded
{
    public IKey Key { get; } = key;
    public IWriteConsistency Consistency { get; } = consistency;
    public object Request { get; } = request;
    public override string ToString() => $"Delete({Key}, {Consistency})";
}

/// <summary>Asks to be told of the value now, if there is one, and of each change, as <see cref="Changed"/> or <see cref="DataDeleted"/>.</summary>
public sealed class Subscribe(IKey key, IActorRef subscriber) : IReplicatorMessage
{
    public IKey Key { get; } = key;
    public IActorRef Subscriber { get; } = subscriber;
}

/// <summary>Ends a subscription.</summary>
public sealed class Unsubscribe(IKey key, IActorRef subscriber) : IReplicatorMessage
{
    public IKey Key { get; } = key;
    public IActorRef Subscriber { get; } = subscriber;
}

/// <summary>Tells the subscribers now, not at the next interval.</summary>
public sealed class FlushChanges
{
    public static readonly FlushChanges Instance = new();
    private FlushChanges() { }
}

/// <summary>Asks for the ids of all keys that this node knows and that are not deleted: <see cref="GetKeysIdsResult"/>.</summary>
public sealed class GetKeyIds
{
    public static readonly GetKeyIds Instance = new();
    private GetKeyIds() { }
}

/// <summary>The answer to <see cref="GetKeyIds"/>.</summary>
public sealed class GetKeysIdsResult(IImmutableSet<string> keys)
{
    public IImmutableSet<string> Keys { get; } = keys;
    public override string ToString() => $"GetKeysIdsResult([{string.Join(", ", Keys)}])";
}

/// <summary>Asks how many replicas there are, this one included: <see cref="ReplicaCount"/>.</summary>
public sealed class GetReplicaCount
{
    public static readonly GetReplicaCount Instance = new();
    private GetReplicaCount() { }
}

/// <summary>The answer to <see cref="GetReplicaCount"/>.</summary>
public sealed class ReplicaCount(int n) : IEquatable<ReplicaCount>
{
    public int N { get; } = n;
    public bool Equals(ReplicaCount other) => other is not null && N == other.N;
    public override bool Equals(object obj) => Equals(obj as ReplicaCount);
    public override int GetHashCode() => N;
    public override string ToString() => $"ReplicaCount({N})";
}

/// <summary>The value is now this one.</summary>
public sealed class Changed(IKey key, object data) : IReplicatorMessage
{
    public IKey Key { get; } = key;
    public object Data { get; } = data;

    public T Get<T>(IKey<T> key) where T : IReplicatedData =>
        Key.Equals(key) ? (T)Data : throw new ArgumentException($"this is the value of the key '{Key}', not of '{key}'");

    public override string ToString() => $"Changed({Key}, {Data})";
}

public interface IGetResponse : INoSerializationVerificationNeeded
{
    IKey Key { get; }
    object Request { get; }
    bool IsSuccessful { get; }
    bool IsFound { get; }
    bool IsFailure { get; }

    /// <summary>The value; throws if there is none.</summary>
    T Get<T>(IKey<T> key) where T : IReplicatedData;
}

public interface IUpdateResponse : INoSerializationVerificationNeeded
{
    IKey Key { get; }
    object Request { get; }
    bool IsSuccessful { get; }
    void ThrowOnFailure();
}

public interface IUpdateFailure : IUpdateResponse
{
    Exception Cause { get; }
}

public interface IDeleteResponse : INoSerializationVerificationNeeded
{
    IKey Key { get; }
    bool IsSuccessful { get; }
    bool AlreadyDeleted { get; }
}

/// <summary>The value, as merged from as many replicas as were asked for.</summary>
public sealed class GetSuccess(IKey key, object request, IReplicatedData data) : IGetResponse, IReplicatorMessage
{
    public IKey Key { get; } = key;
    public object Request { get; } = request;
    public IReplicatedData Data { get; } = data;
    public bool IsSuccessful => true;
    public bool IsFound => true;
    public bool IsFailure => false;

    public T Get<T>(IKey<T> key) where T : IReplicatedData => Data is T typed ? typed
        : throw new InvalidCastException($"the value of '{Key}' is a {Data?.GetType()}, not a {typeof(T)}");

    public override string ToString() => $"GetSuccess({Key}, {Data})";
}

/// <summary>None of the replicas asked has such a value.</summary>
public sealed class NotFound(IKey key, object request) : IGetResponse, IReplicatorMessage
{
    public IKey Key { get; } = key;
    public object Request { get; } = request;
    public bool IsSuccessful => true;
    public bool IsFound => false;
    public bool IsFailure => false;
    public T Get<T>(IKey<T> key) where T : IReplicatedData => throw new KeyNotFoundException($"there is no value with the key '{Key}'");
    public override string ToString() => $"NotFound({Key})";
}

/// <summary>Too few replicas answered in time.</summary>
public sealed class GetFailure(IKey key, object request) : IGetResponse, IReplicatorMessage
{
    public IKey Key { get; } = key;
    public object Request { get; } = request;
    public bool IsSuccessful => false;
    public bool IsFound => false;
    public bool IsFailure => true;
    public T Get<T>(IKey<T> key) where T : IReplicatedData => throw new TimeoutException($"too few replicas answered the read of '{Key}' in time");
    public override string ToString() => $"GetFailure({Key})";
}

/// <summary>Stored by as many replicas as were asked for.</summary>
public sealed class UpdateSuccess(IKey key, object request) : IUpdateResponse
{
    public IKey Key { get; } = key;
    public object Request { get; } = request;
    public bool IsSuccessful => true;
    public void ThrowOnFailure() { }
    public override string ToString() => $"UpdateSuccess({Key})";
}

/// <summary>Stored here, but in time by too few others; it spreads nevertheless.</summary>
public sealed class UpdateTimeout(IKey key, object request) : IUpdateFailure
{
    public IKey Key { get; } = key;
    public object Request { get; } = request;
    public Exception Cause { get; } = new TimeoutException($"too few replicas confirmed the update of '{key}' in time");
    public bool IsSuccessful => false;
    public void ThrowOnFailure() => ExceptionDispatchInfo.Throw(Cause);
    public override string ToString() => $"UpdateTimeout({Key})";
}

/// <summary>The update's function threw; nothing has changed.</summary>
public sealed class ModifyFailure(IKey key, string errorMessage, Exception cause, object request) : IUpdateFailure
{
    public IKey Key { get; } = key;
    public string ErrorMessage { get; } = errorMessage;
    public Exception Cause { get; } = cause;
    public object Request { get; } = request;
    public bool IsSuccessful => false;
    public void ThrowOnFailure() => ExceptionDispatchInfo.Throw(Cause);
    public override string ToString() => $"ModifyFailure({Key}, {ErrorMessage})";
}

/// <summary>Deleted on as many replicas as were asked for.</summary>
public sealed class DeleteSuccess(IKey key, object request = null) : IDeleteResponse, IEquatable<DeleteSuccess>
{
    public IKey Key { get; } = key;
    public object Request { get; } = request;
    public bool IsSuccessful => true;
    public bool AlreadyDeleted => false;
    public bool Equals(DeleteSuccess other) => other is not null && Equals(Key, other.Key) && Equals(Request, other.Request);
    public override bool Equals(object obj) => Equals(obj as DeleteSuccess);
    public override int GetHashCode() => HashCode.Combine(Key, Request);
    public override string ToString() => $"DeleteSuccess({Key})";
}

/// <summary>Deleted here, but in time by too few others; it spreads nevertheless.</summary>
public sealed class ReplicationDeleteFailure(IKey key) : IDeleteResponse
{
    public IKey Key { get; } = key;
    public bool IsSuccessful => false;
    public bool AlreadyDeleted => false;
    public override string ToString() => $"ReplicationDeleteFailure({Key})";
}

/// <summary>The key was deleted, and cannot be used again.</summary>
public sealed class DataDeleted(IKey key, object request = null)
    : Exception($"the value with the key '{key}' was deleted; the key cannot be used again"),
        IGetResponse, IUpdateResponse, IDeleteResponse, IEquatable<DataDeleted>
{
    public IKey Key { get; } = key;
    public object Request { get; } = request;
    public bool IsSuccessful => true;
    public bool IsFound => false;
    public bool IsFailure => true;
    public bool AlreadyDeleted => true;
    public T Get<T>(IKey<T> key) where T : IReplicatedData => throw new DataDeletedException(Message);
    public void ThrowOnFailure() => throw new DataDeletedException(Message);
    public bool Equals(DataDeleted other) => other is not null && Equals(Key, other.Key) && Equals(Request, other.Request);
    public override bool Equals(object obj) => Equals(obj as DataDeleted);
    public override int GetHashCode() => HashCode.Combine(Key, Request);
    public override string ToString() => $"DataDeleted({Key})";
}

/// <summary>See <see cref="DataDeleted"/>.</summary>
public class DataDeletedException(string message) : Exception(message);
