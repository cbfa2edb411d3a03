using System.Runtime.CompilerServices;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Crdt;

/// <summary>One value of a CRDT group. Each change comes in two forms: one that carries it out, and one that is a <see cref="CrdtStep"/> for a unit of several.</summary>
public abstract class CrdtHandle
{
    private protected CrdtHandle(CrdtGroup group, CrdtKey key)
    {
        if (key.Name.Length is 0 or > CrdtKey.MaxNameBytes)
            throw new ArgumentException($"a name has 1 to {CrdtKey.MaxNameBytes} bytes, this one has {key.Name.Length}", nameof(key));
        (Group, Key) = (group, key);
    }

    public CrdtGroup Group { get; }

    public CrdtKey Key { get; }

    public override string ToString() => $"{Key} of {Group.Info.Name}";

    /// <summary>The number that the operation came to; see <see cref="CrdtResult.Values"/>.</summary>
    private protected async ValueTask<long> DoAsync(CrdtStep step, RequestOptions? options, CancellationToken cancellation) =>
        (await Group.ApplyAsync([step], options, cancellation).ConfigureAwait(false)).Values[0];

    private protected async ValueTask<TData> AskAsync<TData>(CrdtQuery query, RequestOptions? options, CancellationToken cancellation) where TData : CrdtData =>
        DataOf<TData>((await Group.AskAsync([query], Group.ShardOf(Key), options, cancellation).ConfigureAwait(false)).Views[0]);

    private protected TData DataOf<TData>(CrdtView view) where TData : CrdtData =>
        view.Data as TData ?? throw new InvalidDataException($"{Key} was answered by a {view.Data.GetType().Name}, not by a {typeof(TData).Name}");

    private protected static int From(int number, [CallerArgumentExpression(nameof(number))] string? name = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number, name);
        return number;
    }

    private protected CrdtStep Step(CrdtOperation operation) => new(Key, operation);

    /// <summary>What is read now, and again after each change that the asked replica sees: the latest, and not every one where they come faster than they are taken.</summary>
    private protected async IAsyncEnumerable<TValue> WatchAsync<TValue>(Func<CancellationToken, ValueTask<TValue>> read, [EnumeratorCancellation] CancellationToken cancellation)
    {
        (long Feed, long Version)? seen = null;
        while (true)
        {
            (long, long)? now = await TryStandAsync(cancellation).ConfigureAwait(false);
            if (now is not null && now != seen)
            {
                TValue value = await read(cancellation).ConfigureAwait(false);
                seen = now;
                yield return value;
            }
            else
            {
                await Task.Delay(Group.WatchEvery, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Where the value last changed; null: nobody answers just now.</summary>
    private async ValueTask<(long, long)?> TryStandAsync(CancellationToken cancellation)
    {
        try
        {
            CrdtAnswer answer = await Group.AskAsync([Glance], Group.ShardOf(Key), null, cancellation).ConfigureAwait(false);
            return (answer.Feed, answer.Views[0].Version);
        }
        catch (ReplicationException refused) when (refused.IsTransient)
        {
            return null;
        }
    }

    /// <summary>The cheapest question whose answer has the value's version.</summary>
    private protected virtual CrdtQuery Glance => new CrdtQuery.Count(Key);
}

/// <summary>A counter.</summary>
public sealed class CrdtCounter : CrdtHandle
{
    internal CrdtCounter(CrdtGroup group, CrdtKey key) : base(group, key)
    {
    }

    /// <summary>Adds, and returns what the counter is then, as far as the asked replica knows.</summary>
    /// <param name="amount">Below 0 for a counter that goes down, too.</param>
    /// <param name="options">See <see cref="CrdtGroup.ApplyAsync"/>.</param>
    /// <param name="cancellation">Nobody waits any more.</param>
    public ValueTask<long> AddAsync(long amount = 1, RequestOptions? options = null, CancellationToken cancellation = default) => DoAsync(Adding(amount), options, cancellation);

    public async ValueTask<long> GetAsync(RequestOptions? options = null, CancellationToken cancellation = default) =>
        (await AskAsync<CrdtData.Number>(new CrdtQuery.Whole(Key), options, cancellation).ConfigureAwait(false)).Value;

    /// <summary>Takes away what is seen of it; what is added meanwhile stays.</summary>
    public async ValueTask ResetAsync(RequestOptions? options = null, CancellationToken cancellation = default) => await DoAsync(Resetting(), options, cancellation).ConfigureAwait(false);

    public IAsyncEnumerable<long> WatchAsync(CancellationToken cancellation = default) => WatchAsync(cancel => GetAsync(null, cancel), cancellation);

    public CrdtStep Adding(long amount = 1) => Step(new CrdtOperation.Add(Key.Type != CrdtType.GrowCounter || amount >= 1 ? amount
        : throw new ArgumentOutOfRangeException(nameof(amount), amount, "at least 1 is added to a counter that only grows")));

    public CrdtStep Resetting() => Step(new CrdtOperation.Reset());

    private protected override CrdtQuery Glance => new CrdtQuery.Whole(Key);
}

/// <summary>A counter that never goes below 0: a replica takes what it has the rights to, and rights can be handed on.</summary>
public sealed class CrdtBoundedCounter : CrdtHandle
{
    internal CrdtBoundedCounter(CrdtGroup group, CrdtKey key) : base(group, key)
    {
    }

    /// <inheritdoc cref="CrdtCounter.AddAsync"/>
    public ValueTask<long> AddAsync(long amount = 1, RequestOptions? options = null, CancellationToken cancellation = default) => DoAsync(Adding(amount), options, cancellation);

    /// <summary>Takes, and returns what is left.</summary>
    /// <exception cref="InvalidRequestException">The asked replica has not the rights to so much: nothing was taken.</exception>
    public ValueTask<long> TakeAsync(long amount = 1, RequestOptions? options = null, CancellationToken cancellation = default) => DoAsync(Taking(amount), options, cancellation);

    /// <summary>Hands rights of the asked replica on.</summary>
    /// <exception cref="InvalidRequestException">It has not so many.</exception>
    public async ValueTask TransferAsync(ReplicaId to, long amount, RequestOptions? options = null, CancellationToken cancellation = default) =>
        await DoAsync(Step(new CrdtOperation.Transfer(to, amount)), options, cancellation).ConfigureAwait(false);

    /// <summary>The value, and how much of it the asked replica may take.</summary>
    public async ValueTask<(long Value, long Rights)> GetAsync(RequestOptions? options = null, CancellationToken cancellation = default)
    {
        CrdtData.Number number = await AskAsync<CrdtData.Number>(new CrdtQuery.Whole(Key), options, cancellation).ConfigureAwait(false);
        return (number.Value, number.Rights);
    }

    public IAsyncEnumerable<(long Value, long Rights)> WatchAsync(CancellationToken cancellation = default) => WatchAsync(cancel => GetAsync(null, cancel), cancellation);

    public CrdtStep Adding(long amount = 1) => Step(new CrdtOperation.Add(amount >= 1 ? amount : throw new ArgumentOutOfRangeException(nameof(amount), amount, "at least 1 is added")));

    public CrdtStep Taking(long amount = 1) => Step(new CrdtOperation.Add(amount >= 1 ? -amount : throw new ArgumentOutOfRangeException(nameof(amount), amount, "at least 1 is taken")));

    private protected override CrdtQuery Glance => new CrdtQuery.Whole(Key);
}

/// <summary>On or off.</summary>
public sealed class CrdtFlag : CrdtHandle
{
    internal CrdtFlag(CrdtGroup group, CrdtKey key) : base(group, key)
    {
    }

    public async ValueTask SetAsync(bool on, RequestOptions? options = null, CancellationToken cancellation = default) => await DoAsync(Setting(on), options, cancellation).ConfigureAwait(false);

    public async ValueTask<bool> GetAsync(RequestOptions? options = null, CancellationToken cancellation = default) =>
        (await AskAsync<CrdtData.Switch>(new CrdtQuery.Whole(Key), options, cancellation).ConfigureAwait(false)).On;

    public IAsyncEnumerable<bool> WatchAsync(CancellationToken cancellation = default) => WatchAsync(cancel => GetAsync(null, cancel), cancellation);

    public CrdtStep Setting(bool on) => Step(new CrdtOperation.Switch(on));

    private protected override CrdtQuery Glance => new CrdtQuery.Whole(Key);
}

/// <summary>A set.</summary>
public sealed class CrdtSet<T> : CrdtHandle
{
    private readonly ElementCodec<T> _codec;

    internal CrdtSet(CrdtGroup group, CrdtKey key, ElementCodec<T>? codec) : base(group, key) => _codec = codec ?? ElementCodec.Of<T>();

    /// <summary>False: it was there, as far as the asked replica knows.</summary>
    public async ValueTask<bool> AddAsync(T element, RequestOptions? options = null, CancellationToken cancellation = default) =>
        await DoAsync(Adding(element), options, cancellation).ConfigureAwait(false) == 1;

    /// <summary>False: it was not there, as far as the asked replica knows.</summary>
    public async ValueTask<bool> RemoveAsync(T element, RequestOptions? options = null, CancellationToken cancellation = default) =>
        await DoAsync(Removing(element), options, cancellation).ConfigureAwait(false) == 1;

    public async ValueTask ClearAsync(RequestOptions? options = null, CancellationToken cancellation = default) => await DoAsync(Clearing(), options, cancellation).ConfigureAwait(false);

    public async ValueTask<bool> ContainsAsync(T element, RequestOptions? options = null, CancellationToken cancellation = default) =>
        (await AskAsync<CrdtData.Switch>(new CrdtQuery.Contains(Key, _codec.Encode(element)), options, cancellation).ConfigureAwait(false)).On;

    public async ValueTask<long> CountAsync(RequestOptions? options = null, CancellationToken cancellation = default) =>
        (await AskAsync<CrdtData.Number>(new CrdtQuery.Count(Key), options, cancellation).ConfigureAwait(false)).Value;

    /// <summary>All elements, ascending by their bytes.</summary>
    public async ValueTask<IReadOnlyList<T>> GetAsync(RequestOptions? options = null, CancellationToken cancellation = default) =>
        Decode(await AskAsync<CrdtData.Elements>(new CrdtQuery.Whole(Key), options, cancellation).ConfigureAwait(false));

    /// <summary>So many elements after one, ascending by their bytes: for sets too large for one answer.</summary>
    /// <param name="most">At least 1.</param>
    /// <param name="after">The last of the page before; none: from the first.</param>
    /// <param name="options">See <see cref="CrdtGroup.AskAsync"/>.</param>
    /// <param name="cancellation">Nobody waits any more.</param>
    public async ValueTask<IReadOnlyList<T>> PageAsync(int most, (bool Is, T Element) after = default, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        ReadOnlyMemory<byte> from = after.Is ? _codec.Encode(after.Element) : default;
        return Decode(await AskAsync<CrdtData.Elements>(new CrdtQuery.Page(Key, from, most), options, cancellation).ConfigureAwait(false));
    }

    public IAsyncEnumerable<IReadOnlyList<T>> WatchAsync(CancellationToken cancellation = default) => WatchAsync(cancel => GetAsync(null, cancel), cancellation);

    public CrdtStep Adding(T element) => Step(new CrdtOperation.Insert(_codec.Encode(element)));

    public CrdtStep Removing(T element) => Step(new CrdtOperation.Remove(_codec.Encode(element)));

    public CrdtStep Clearing() => Step(new CrdtOperation.Clear());

    private IReadOnlyList<T> Decode(CrdtData.Elements elements) => [.. elements.List.Select(_codec.Decode)];
}

/// <summary>A register: what was written last, or each of those written at once.</summary>
public sealed class CrdtRegister<T> : CrdtHandle
{
    private readonly ElementCodec<T> _codec;

    internal CrdtRegister(CrdtGroup group, CrdtKey key, ElementCodec<T>? codec) : base(group, key) => _codec = codec ?? ElementCodec.Of<T>();

    public async ValueTask SetAsync(T value, RequestOptions? options = null, CancellationToken cancellation = default) => await DoAsync(Setting(value), options, cancellation).ConfigureAwait(false);

    public async ValueTask ClearAsync(RequestOptions? options = null, CancellationToken cancellation = default) => await DoAsync(Clearing(), options, cancellation).ConfigureAwait(false);

    /// <summary>None: nothing was written. Several, of a multi-value register: they were written at once.</summary>
    public async ValueTask<IReadOnlyList<T>> GetAsync(RequestOptions? options = null, CancellationToken cancellation = default) =>
        [.. (await AskAsync<CrdtData.Elements>(new CrdtQuery.Whole(Key), options, cancellation).ConfigureAwait(false)).List.Select(_codec.Decode)];

    public IAsyncEnumerable<IReadOnlyList<T>> WatchAsync(CancellationToken cancellation = default) => WatchAsync(cancel => GetAsync(null, cancel), cancellation);

    public CrdtStep Setting(T value) => Step(new CrdtOperation.Write(_codec.Encode(value)));

    public CrdtStep Clearing() => Step(new CrdtOperation.Clear());
}

/// <summary>A text. Indexes and lengths are in UTF-16 code units, as those of a <see cref="string"/>, and are those that the asked replica has when the change arrives.</summary>
public sealed class CrdtText : CrdtHandle
{
    internal CrdtText(CrdtGroup group, CrdtKey key) : base(group, key)
    {
    }

    /// <summary>Inserts a text so that its first unit gets this index, and returns the length.</summary>
    /// <exception cref="InvalidRequestException">The text is shorter.</exception>
    public ValueTask<long> InsertAsync(int index, string text, RequestOptions? options = null, CancellationToken cancellation = default) => DoAsync(Inserting(index, text), options, cancellation);

    /// <summary>Deletes so many units from an index on, and returns the length.</summary>
    /// <exception cref="InvalidRequestException">The text is shorter.</exception>
    public ValueTask<long> DeleteAsync(int index, int count, RequestOptions? options = null, CancellationToken cancellation = default) => DoAsync(Deleting(index, count), options, cancellation);

    public async ValueTask<string> GetAsync(RequestOptions? options = null, CancellationToken cancellation = default) =>
        (await AskAsync<CrdtData.Text>(new CrdtQuery.Whole(Key), options, cancellation).ConfigureAwait(false)).Value;

    /// <summary>Of a long text, so many units from an index on.</summary>
    public async ValueTask<string> GetAsync(int index, int count, RequestOptions? options = null, CancellationToken cancellation = default) =>
        (await AskAsync<CrdtData.Text>(new CrdtQuery.Range(Key, index, count), options, cancellation).ConfigureAwait(false)).Value;

    public async ValueTask<long> LengthAsync(RequestOptions? options = null, CancellationToken cancellation = default) =>
        (await AskAsync<CrdtData.Number>(new CrdtQuery.Count(Key), options, cancellation).ConfigureAwait(false)).Value;

    public IAsyncEnumerable<string> WatchAsync(CancellationToken cancellation = default) => WatchAsync(cancel => GetAsync(null, cancel), cancellation);

    public CrdtStep Inserting(int index, string text) => Step(new CrdtOperation.InsertText(From(index), text));

    public CrdtStep Deleting(int index, int count) => Step(new CrdtOperation.DeleteRange(From(index), From(count)));
}

/// <summary>A list. Indexes are those that the asked replica has when the change arrives.</summary>
public sealed class CrdtList<T> : CrdtHandle
{
    private readonly ElementCodec<T> _codec;

    internal CrdtList(CrdtGroup group, CrdtKey key, ElementCodec<T>? codec) : base(group, key) => _codec = codec ?? ElementCodec.Of<T>();

    /// <summary>Inserts items so that the first gets this index, and returns the length.</summary>
    /// <exception cref="InvalidRequestException">The list is shorter.</exception>
    public ValueTask<long> InsertAsync(int index, IReadOnlyList<T> items, RequestOptions? options = null, CancellationToken cancellation = default) => DoAsync(Inserting(index, items), options, cancellation);

    /// <inheritdoc cref="CrdtText.DeleteAsync"/>
    public ValueTask<long> DeleteAsync(int index, int count, RequestOptions? options = null, CancellationToken cancellation = default) => DoAsync(Deleting(index, count), options, cancellation);

    public async ValueTask<IReadOnlyList<T>> GetAsync(RequestOptions? options = null, CancellationToken cancellation = default) =>
        Decode(await AskAsync<CrdtData.Elements>(new CrdtQuery.Whole(Key), options, cancellation).ConfigureAwait(false));

    /// <summary>So many items from an index on.</summary>
    public async ValueTask<IReadOnlyList<T>> GetAsync(int index, int count, RequestOptions? options = null, CancellationToken cancellation = default) =>
        Decode(await AskAsync<CrdtData.Elements>(new CrdtQuery.Range(Key, index, count), options, cancellation).ConfigureAwait(false));

    public IAsyncEnumerable<IReadOnlyList<T>> WatchAsync(CancellationToken cancellation = default) => WatchAsync(cancel => GetAsync(null, cancel), cancellation);

    public CrdtStep Inserting(int index, IReadOnlyList<T> items) => Step(new CrdtOperation.InsertItems(From(index), [.. items.Select(_codec.Encode)]));

    public CrdtStep Deleting(int index, int count) => Step(new CrdtOperation.DeleteRange(From(index), From(count)));

    private IReadOnlyList<T> Decode(CrdtData.Elements elements) => [.. elements.List.Select(_codec.Decode)];
}

/// <summary>A map of flags, sets, registers, counters and maps. A field is a key and a kind: a key that is a set here and a counter there is two fields.</summary>
public sealed class CrdtMap : CrdtHandle
{
    internal CrdtMap(CrdtGroup group, CrdtKey key) : base(group, key)
    {
    }

    public CrdtMapField Counter(string key) => Field(key, StoreKind.Counter);

    public CrdtMapField Set(string key) => Field(key, StoreKind.OrSet);

    public CrdtMapField Register(string key) => Field(key, StoreKind.LwwRegister);

    public CrdtMapField MultiRegister(string key) => Field(key, StoreKind.MvRegister);

    public CrdtMapField Flag(string key) => Field(key, StoreKind.EnableWinsFlag);

    public CrdtMapField Map(string key) => Field(key, StoreKind.AddWinsMap);

    /// <summary>Carries out a step on a field, such as <c>map.Counter("visits").Adding(1)</c>.</summary>
    public ValueTask<long> ApplyAsync(CrdtStep step, RequestOptions? options = null, CancellationToken cancellation = default) => DoAsync(step, options, cancellation);

    /// <summary>Removes what is seen of all fields.</summary>
    public async ValueTask ClearAsync(RequestOptions? options = null, CancellationToken cancellation = default) => await DoAsync(Step(new CrdtOperation.Clear()), options, cancellation).ConfigureAwait(false);

    /// <summary>All fields, ascending by their keys.</summary>
    public async ValueTask<IReadOnlyList<(MapField Field, CrdtData Value)>> GetAsync(RequestOptions? options = null, CancellationToken cancellation = default) =>
        (await AskAsync<CrdtData.Fields>(new CrdtQuery.Whole(Key), options, cancellation).ConfigureAwait(false)).List;

    /// <summary>What a field is; of one that is not there, what it is before the first change.</summary>
    public ValueTask<CrdtData> GetAsync(CrdtMapField field, RequestOptions? options = null, CancellationToken cancellation = default) =>
        AskAsync<CrdtData>(new CrdtQuery.Field(Key, field.Path), options, cancellation);

    public IAsyncEnumerable<IReadOnlyList<(MapField Field, CrdtData Value)>> WatchAsync(CancellationToken cancellation = default) => WatchAsync(cancel => GetAsync(null, cancel), cancellation);

    private CrdtMapField Field(string key, StoreKind kind) => new(Key, [new MapField(key, kind)]);
}

/// <summary>A field of a map, or of a map in a map.</summary>
public sealed class CrdtMapField
{
    private readonly CrdtKey _map;
    private readonly MapField[] _path;

    internal CrdtMapField(CrdtKey map, MapField[] path) => (_map, _path) = (map, path);

    /// <summary>From the outermost map to the field.</summary>
    public IReadOnlyList<MapField> Path => _path;

    public CrdtMapField Counter(string key) => In(key, StoreKind.Counter);

    public CrdtMapField Set(string key) => In(key, StoreKind.OrSet);

    public CrdtMapField Register(string key) => In(key, StoreKind.LwwRegister);

    public CrdtMapField MultiRegister(string key) => In(key, StoreKind.MvRegister);

    public CrdtMapField Flag(string key) => In(key, StoreKind.EnableWinsFlag);

    public CrdtMapField Map(string key) => In(key, StoreKind.AddWinsMap);

    /// <summary>Of a counter.</summary>
    public CrdtStep Adding(long amount = 1) => Step(new CrdtOperation.Add(amount));

    /// <summary>Of a set.</summary>
    public CrdtStep Inserting(string element) => Step(new CrdtOperation.Insert(Encoding.UTF8.GetBytes(element)));

    /// <summary>Of a set.</summary>
    public CrdtStep Removing(string element) => Step(new CrdtOperation.Remove(Encoding.UTF8.GetBytes(element)));

    /// <summary>Of a register.</summary>
    public CrdtStep Setting(string value) => Step(new CrdtOperation.Write(Encoding.UTF8.GetBytes(value)));

    /// <summary>Of a flag.</summary>
    public CrdtStep Setting(bool on) => Step(new CrdtOperation.Switch(on));

    /// <summary>Removes what is seen of the field itself.</summary>
    public CrdtStep Removing() => new(_map, Within(_path.Length - 1, new CrdtOperation.RemoveField(_path[^1].Key.Memory, _path[^1].Kind)));

    private CrdtMapField In(string key, StoreKind kind) => _path[^1].Kind is StoreKind.AddWinsMap or StoreKind.RemoveWinsMap
        ? new CrdtMapField(_map, [.. _path, new MapField(key, kind)])
        : throw new InvalidOperationException($"field '{_path[^1].Key}' is a {_path[^1].Kind}, and only maps have fields");

    private CrdtStep Step(CrdtOperation operation) => new(_map, Within(_path.Length, operation));

    private CrdtOperation Within(int depth, CrdtOperation operation)
    {
        for (int i = depth - 1; i >= 0; i--)
            operation = new CrdtOperation.Field(_path[i].Key.Memory, _path[i].Kind, operation);
        return operation;
    }
}
