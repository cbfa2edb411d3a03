namespace Akka.DistributedData;

/// <summary>The name of a value.</summary>
public interface IKey : IReplicatedDataSerialization
{
    string Id { get; }
}

/// <summary>The name of a value of that type.</summary>
public interface IKey<out T> : IKey where T : IReplicatedData;

/// <summary>The usual base of keys. Two are equal if their ids are.</summary>
public abstract class Key<T>(string id) : IKey<T> where T : IReplicatedData
{
    public string Id { get; } = id;
    public bool Equals(IKey key) => key is not null && Id == key.Id;
    public sealed override bool Equals(object obj) => obj is IKey key && Equals(key);
    public override int GetHashCode() => Id.GetHashCode(StringComparison.Ordinal);
    public override string ToString() => Id;
    public static implicit operator string(Key<T> key) => key.Id;
}

public sealed class FlagKey(string id) : Key<Flag>(id);

public sealed class GCounterKey(string id) : Key<GCounter>(id);

public sealed class PNCounterKey(string id) : Key<PNCounter>(id);

public sealed class GSetKey<T>(string id) : Key<GSet<T>>(id);

public sealed class ORSetKey<T>(string id) : Key<ORSet<T>>(id);

public sealed class LWWRegisterKey<T>(string id) : Key<LWWRegister<T>>(id);

public sealed class ORDictionaryKey<TKey, TValue>(string id) : Key<ORDictionary<TKey, TValue>>(id) where TValue : IReplicatedData<TValue>;

public class PNCounterDictionaryKey<T>(string id) : Key<PNCounterDictionary<T>>(id);

public sealed class LWWDictionaryKey<TKey, TValue>(string id) : Key<LWWDictionary<TKey, TValue>>(id);

public sealed class ORMultiValueDictionaryKey<TKey, TValue>(string id) : Key<ORMultiValueDictionary<TKey, TValue>>(id);
