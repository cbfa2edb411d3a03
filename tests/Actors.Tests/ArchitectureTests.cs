using System.Reflection;
using System.Text.RegularExpressions;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Tests;

/// <summary>The rooms of the house: who may know whom.</summary>
public sealed class ArchitectureTests
{
    private static readonly DirectoryInfo Sources = new(Path.Combine(Root().FullName, "src"));

    [Fact]
    public void Protocols_know_the_base_class_library_only()
    {
        Assert.All(typeof(IProtocol).Assembly.GetReferencedAssemblies(), IsPlatform);
        // The recorder of real histories is the one that reads a clock.
        Assert.All(Files("Protocols").Where(file => !file.Name.Contains("Checking", StringComparison.Ordinal)), file => Assert.False(
            Regex.IsMatch(file.Text, @"\b(using Akka|System\.Threading\.Tasks|DateTime\.(Utc)?Now|Stopwatch|Task\.Run)\b"), file.Name));
    }

    [Fact]
    public void The_actors_name_no_protocol()
    {
        string[] protocols = [.. new DirectoryInfo(Path.Combine(Sources.FullName, "Protocols")).GetDirectories()
            .Where(folder => folder.GetFiles("*Factory.cs").Length > 0).Select(folder => folder.Name)];
        Assert.Contains("Raft", protocols);
        Assert.All(Files("Actors"), file => Assert.All(protocols, protocol =>
            Assert.False(Mentions(file.Text, protocol), $"{file.Name} mentions {protocol}")));
    }

    // A quorum is also what any protocol may lack: there, only the types of the protocol of that name count.
    private static bool Mentions(string text, string protocol) => protocol == "Quorum"
        ? Regex.IsMatch(text, @"Protocols\.Quorum\b|\bQuorum[A-Z]")
        : text.Contains(protocol, StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void The_actors_import_protocols_and_Akka_only() =>
        Assert.All(typeof(GroupDefinition).Assembly.GetReferencedAssemblies(), name =>
        {
            if (!name.Name!.StartsWith("Akka", StringComparison.Ordinal) && name.Name != "ActorRepl.Protocols")
                IsPlatform(name);
        });

    [Fact]
    public void No_protocol_names_another()
    {
        string[] protocols = [.. new DirectoryInfo(Path.Combine(Sources.FullName, "Protocols")).GetDirectories()
            .Where(folder => folder.GetFiles("*Factory.cs").Length > 0).Select(folder => folder.Name)];
        foreach (string one in protocols)
        {
            foreach (string other in protocols.Where(other => other != one))
                Assert.DoesNotContain(Files(Path.Combine("Protocols", one)), file => file.Text.Contains($"Protocols.{other}", StringComparison.Ordinal));
        }
    }

    private static void IsPlatform(AssemblyName name) => Assert.Matches(@"^(System(\.|$)|netstandard$|mscorlib$)", name.Name);

    private static IEnumerable<(string Name, string Text)> Files(string room) =>
        new DirectoryInfo(Path.Combine(Sources.FullName, room)).EnumerateFiles("*.cs", SearchOption.AllDirectories)
            .Select(file => (Path.GetRelativePath(Sources.FullName, file.FullName), File.ReadAllText(file.FullName)));

    private static DirectoryInfo Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder.GetFiles("ActorRepl.sln").Length == 0)
            folder = folder.Parent ?? throw new InvalidOperationException("the tests run outside the repository");
        return folder;
    }
}
