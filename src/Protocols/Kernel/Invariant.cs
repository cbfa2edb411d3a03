using System.Diagnostics.CodeAnalysis;

namespace ActorRepl.Protocols.Kernel;

/// <summary>Checks that stay on in production: a replica that is wrong must stop, not go on.</summary>
public static class Invariant
{
    /// <exception cref="InvariantViolationException">The condition does not hold.</exception>
    public static void That([DoesNotReturnIf(false)] bool condition, string rule)
    {
        if (!condition)
            throw new InvariantViolationException(rule);
    }
}

/// <summary>A rule of the code's own did not hold; the message is the rule.</summary>
public sealed class InvariantViolationException(string rule) : Exception($"invariant violated: {rule}");
