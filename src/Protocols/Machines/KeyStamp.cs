namespace ActorRepl.Protocols.Machines;

/// <summary>What a <see cref="KeyTable"/> keeps beside a value.</summary>
/// <param name="Version">Which command gave the key its value (<see cref="KeyValueVersion"/>); 0: one from before there were versions.</param>
/// <param name="ExpiresAt">When the key ends, ms since 1970 by the clock of the log; 0: never.</param>
internal readonly record struct KeyStamp(long Version, long ExpiresAt);
