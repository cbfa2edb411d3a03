namespace ActorRepl.Persistence;

/// <summary>A write or a read of the store did not succeed; the type says what is known about it.</summary>
public abstract class StorageException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>There is no space: what was to be written is certainly not there. Reads go on; later writes are tried anew.</summary>
public sealed class StorageFullException(string message, Exception? inner = null) : StorageException(message, inner);

/// <summary>
/// The store failed: what was to be written may or may not be there, and may yet be found after the store is opened again.
/// </summary>
public sealed class StorageFailedException(string message, Exception? inner = null) : StorageException(message, inner);

/// <summary>What is in the store is not what was written to it.</summary>
public sealed class StorageDamagedException(string message, Exception? inner = null) : StorageException(message, inner);
