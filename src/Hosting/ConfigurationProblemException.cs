namespace ActorRepl.Hosting;

/// <summary>Something a user set or gave is wrong; the message is one line and says what, where, and what is allowed.</summary>
public sealed class ConfigurationProblemException(string message) : Exception(message);
