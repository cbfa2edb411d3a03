namespace Akka;

/// <summary>What a task without a result completes with.</summary>
public sealed class Done
{
    public static readonly Done Instance = new();
    private Done() { }
    public override string ToString() => "Done";
}
