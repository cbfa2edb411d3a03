namespace ActorRepl.Simulation;

internal static class Program
{
    private static int Main(string[] arguments) => Run.SimulationCommand.Invoke(arguments);
}
