using System.Security.Cryptography;
using Akka.Actor;

namespace Akka.Remote;

/// <summary>A number that tells this incarnation of the actor system from others at the same address.</summary>
public class AddressUid : IExtension
{
    public readonly int Uid = RandomNumberGenerator.GetInt32(1, int.MaxValue);
}

/// <inheritdoc cref="AddressUid"/>
public class AddressUidExtension : ExtensionIdProvider<AddressUid>
{
    public override AddressUid CreateExtension(ExtendedActorSystem system) => new();

    /// <summary>The system's number.</summary>
    public static int Uid(ActorSystem system) => system.WithExtension<AddressUid, AddressUidExtension>().Uid;
}
