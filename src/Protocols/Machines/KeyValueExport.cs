using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>A key of a frozen state. Key and value may be read until the view is disposed.</summary>
/// <param name="Key">Its bytes.</param>
/// <param name="Value">Its bytes.</param>
/// <param name="Version">See <see cref="KeyValueVersion"/>.</param>
/// <param name="ExpiresAt">When it ends, in ms since 1970; 0: never.</param>
public readonly record struct KeyValueExported(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long Version, long ExpiresAt);

/// <summary>Reads the keys of a frozen view, without taking its segments apart.</summary>
public static class KeyValueExport
{
    /// <summary>Every key, in no order; null: the view is of another machine.</summary>
    public static IEnumerable<KeyValueExported>? Of(ICheckpointView view) => view switch
    {
        IWrappedView wrapped => Of(wrapped.Inner),
        IKeyValueView keys => keys.Keys(),
        _ => null,
    };
}

/// <summary>A view that has keys and values.</summary>
internal interface IKeyValueView
{
    IEnumerable<KeyValueExported> Keys();
}

/// <summary>A view around that of another machine.</summary>
internal interface IWrappedView
{
    ICheckpointView Inner { get; }
}
