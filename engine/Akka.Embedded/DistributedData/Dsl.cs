using Akka.Actor;

namespace Akka.DistributedData;

/// <summary>The replicator's messages, typed by the key.</summary>
public static class Dsl
{
    public static ReadLocal ReadLocal => ReadLocal.Instance;
    public static WriteLocal WriteLocal => WriteLocal.Instance;
    public static GetKeyIds GetKeyIds => GetKeyIds.Instance;
    public static GetReplicaCount GetReplicaCount => GetReplicaCount.Instance;

    public static Get Get<T>(IKey<T> key, IReadConsistency consistency = null, object request = null) where T : IReplicatedData =>
        new(key, consistency ?? ReadLocal, request);

    /// <summary>Merges the value into what is there.</summary>
    public static Update Update<T>(IKey<T> key, T value, IWriteConsistency consistency = null) where T : IReplicatedData<T> =>
        new(key, value, consistency ?? WriteLocal, old => ((T)old).Merge(value));

    public static Update Update<T>(IKey<T> key, IWriteConsistency consistency, Func<T, T> modify) where T : IReplicatedData =>
        new(key, consistency, data => modify((T)data));

    public static Update Update<T>(IKey<T> key, T initial, IWriteConsistency consistency, Func<T, T> modify) where T : IReplicatedData =>
        new(key, initial, consistency, data => modify((T)data));

    public static Update Update<T>(IKey<T> key, T initial, IWriteConsistency consistency, object request, Func<T, T> modify)
        where T : IReplicatedData => new(key, initial, consistency, data => modify((T)data), request);

    public static Delete Delete<T>(IKey<T> key, IWriteConsistency consistency, object request = null) where T : IReplicatedData =>
        new(key, consistency, request);

    public static Subscribe Subscribe<T>(IKey<T> key, IActorRef subscriber) where T : IReplicatedData => new(key, subscriber);
    public static Unsubscribe Unsubscribe<T>(IKey<T> key, IActorRef subscriber) where T : IReplicatedData => new(key, subscriber);
}
