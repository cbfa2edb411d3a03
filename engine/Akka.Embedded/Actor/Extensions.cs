namespace Akka.Actor;

/// <summary>Marks what is created once for each system that asks for it.</summary>
public interface IExtension;

/// <summary>Identifies an extension.</summary>
public interface IExtensionId
{
    object Apply(ActorSystem system);
    object Get(ActorSystem system);
    object CreateExtension(ExtendedActorSystem system);
    Type ExtensionType { get; }
}

/// <inheritdoc cref="IExtensionId"/>
public interface IExtensionId<out T> : IExtensionId where T : IExtension
{
    new T Apply(ActorSystem system);
    new T Get(ActorSystem system);
    new T CreateExtension(ExtendedActorSystem system);
}

/// <summary>The usual base of extension ids.</summary>
public abstract class ExtensionIdProvider<T> : IExtensionId<T> where T : IExtension
{
    public T Apply(ActorSystem system) => (T)system.RegisterExtension(this);
    object IExtensionId.Apply(ActorSystem system) => Apply(system);
    public T Get(ActorSystem system) => (T)system.GetExtension(this);
    object IExtensionId.Get(ActorSystem system) => Get(system);
    object IExtensionId.CreateExtension(ExtendedActorSystem system) => CreateExtension(system);
    public Type ExtensionType => typeof(T);
    public abstract T CreateExtension(ExtendedActorSystem system);
    public override bool Equals(object obj) => obj is T;
    public override int GetHashCode() => typeof(T).GetHashCode();
}

/// <summary>Extensions by type.</summary>
public static class ActorSystemWithExtensions
{
    /// <summary>The extension of that type, created by <typeparamref name="TI"/> if it is not there yet.</summary>
    public static T WithExtension<T, TI>(this ActorSystem system) where T : class, IExtension where TI : IExtensionId
    {
        return (T)system.RegisterExtension(Activator.CreateInstance<TI>());
    }

    /// <summary>The extension of that type, created by the given id if it is not there yet.</summary>
    public static T WithExtension<T>(this ActorSystem system, Type extensionId) where T : class, IExtension =>
        (T)system.RegisterExtension((IExtensionId)Activator.CreateInstance(extensionId));

    /// <summary>The extension of that type, which must have been registered.</summary>
    public static T WithExtension<T>(this ActorSystem system) where T : class, IExtension => system.GetExtension<T>();
}
