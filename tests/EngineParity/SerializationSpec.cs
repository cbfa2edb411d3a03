using System.Text;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class SerializationSpec : TestKit
{
    private static readonly string Here = typeof(SerializationSpec).Assembly.GetName().Name!;

    private static readonly Config Settings = ConfigurationFactory.ParseString($$"""
        akka.actor {
          serializers {
            own = "{{typeof(OwnSerializer).FullName}}, {{Here}}"
            plain = "{{typeof(PlainSerializer).FullName}}, {{Here}}"
          }
          serialization-bindings {
            "{{typeof(IOwn).FullName}}, {{Here}}" = own
            "{{typeof(Plain).FullName}}, {{Here}}" = plain
          }
          serialization-identifiers {
            "{{typeof(PlainSerializer).FullName}}, {{Here}}" = 9002
          }
        }
        """);

    public SerializationSpec() : base(Settings) { }

    [Fact]
    public void A_serializer_bound_to_an_interface_serves_its_implementations_and_chooses_manifests()
    {
        var message = new Named("x", TestActor);
        var serializer = Assert.IsType<OwnSerializer>(Sys.Serialization.FindSerializerFor(message));
        Assert.Equal("n", serializer.Manifest(message));
        byte[] bytes = Sys.Serialization.Serialize(message);
        var read = Assert.IsType<Named>(Sys.Serialization.Deserialize(bytes, serializer.Identifier, "n"));
        Assert.Equal("x", read.Name);
    }

    [Fact]
    public void A_reference_in_a_message_is_the_same_actor_when_read_again()
    {
        byte[] bytes = Sys.Serialization.Serialize(new Named("x", TestActor));
        var read = (Named)Sys.Serialization.Deserialize(bytes, 9001, "n");
        Assert.Equal(TestActor, read.Ref);
        read.Ref.Tell("hello");
        ExpectMsg("hello");
    }

    [Fact]
    public void An_identifier_can_be_set_and_the_class_is_the_manifest_of_a_serializer_without_its_own()
    {
        var message = new Plain("text");
        Serializer serializer = Sys.Serialization.FindSerializerFor(message);
        Assert.Equal(9002, serializer.Identifier);
        string manifest = Akka.Serialization.Serialization.ManifestFor(serializer, message);
        Assert.StartsWith(typeof(Plain).FullName!, manifest, StringComparison.Ordinal);
        var read = (Plain)Sys.Serialization.Deserialize(serializer.ToBinary(message), 9002, manifest);
        Assert.Equal("text", read.Text);
    }

    [Fact]
    public void A_subclass_uses_its_bases_serializer()
    {
        Assert.IsType<PlainSerializer>(Sys.Serialization.FindSerializerFor(new Derived("x")));
    }

    [Fact]
    public void Byte_arrays_are_passed_as_they_are_with_identifier_4()
    {
        byte[] bytes = [1, 2, 3];
        Serializer serializer = Sys.Serialization.FindSerializerFor(bytes);
        Assert.Equal(4, serializer.Identifier);
        Assert.Same(bytes, serializer.ToBinary(bytes));
    }

    [Fact]
    public void An_unknown_identifier_is_an_error_that_names_it()
    {
        var failure = Assert.ThrowsAny<Exception>(() => Sys.Serialization.Deserialize([1], 424242, "m"));
        Assert.Contains("424242", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dead_actors_path_resolves_to_a_reference_that_leads_to_the_dead_letters()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(null)), "short-lived");
        string path = Akka.Serialization.Serialization.SerializedActorPath(actor);
        Watch(actor);
        Sys.Stop(actor);
        ExpectTerminated(actor);
        IActorRef again = ((ExtendedActorSystem)Sys).Provider.ResolveActorRef(path);
        EventFilter.DeadLetter<string>().ExpectOne(() => again.Tell("late"));
    }

    public interface IOwn;

    public sealed record Named(string Name, IActorRef Ref) : IOwn;

    public record Plain(string Text);

    public sealed record Derived(string Text) : Plain(Text);

    public sealed class OwnSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
    {
        public override int Identifier => 9001;
        public override string Manifest(object o) => o is Named ? "n" : throw new ArgumentException("unknown");

        public override byte[] ToBinary(object obj) => obj is Named named
            ? Encoding.UTF8.GetBytes(named.Name + "\n" + Akka.Serialization.Serialization.SerializedActorPath(named.Ref))
            : throw new ArgumentException("unknown");

        public override object FromBinary(byte[] bytes, string manifest)
        {
            Assert.Equal("n", manifest);
            string[] parts = Encoding.UTF8.GetString(bytes).Split('\n');
            return new Named(parts[0], system.Provider.ResolveActorRef(parts[1]));
        }
    }

    public sealed class PlainSerializer(ExtendedActorSystem system) : Serializer(system)
    {
        public override bool IncludeManifest => true;
        public override byte[] ToBinary(object obj) => Encoding.UTF8.GetBytes(((Plain)obj).Text);

        public override object FromBinary(byte[] bytes, Type type)
        {
            Assert.Equal(typeof(Plain), type);
            return new Plain(Encoding.UTF8.GetString(bytes));
        }
    }
}
