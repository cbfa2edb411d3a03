using Akka.Configuration;

namespace Akka.Util;

/// <summary>Finds the types that settings name, and creates them.</summary>
internal static class TypeNames
{
    /// <summary>
    /// The type called <paramref name="name"/> ("Namespace.Type, Assembly"). Settings written for Akka.NET's packages name the
    /// packages' assemblies; those types are looked up in the engine.
    /// </summary>
    public static Type TryFind(string name)
    {
        Type type = Type.GetType(name, throwOnError: false);
        if (type is not null) return type;
        string[] parts = name.Split(',', 3, StringSplitOptions.TrimEntries);
        bool ofPackages = parts.Length == 1 || parts[1] == "Akka" || parts[1].StartsWith("Akka.", StringComparison.Ordinal);
        if (!ofPackages) return null;
        return AppDomain.CurrentDomain.GetAssemblies()
            .Where(assembly => assembly.GetName().Name?.StartsWith("Akka.Embedded", StringComparison.Ordinal) == true)
            .Select(assembly => assembly.GetType(parts[0], throwOnError: false))
            .FirstOrDefault(found => found is not null);
    }

    /// <summary>As <see cref="TryFind"/>; a type that is not there is an error that names the setting.</summary>
    public static Type Find(string name, string setting) =>
        TryFind(name) ?? throw new ConfigurationException(
            $"{setting} names the type '{name}', which cannot be found; write it as \"Namespace.Type, Assembly\".");

    /// <summary>Creates the type with the first of the argument lists that one of its constructors takes.</summary>
    public static object Create(Type type, string setting, params object[][] argumentLists)
    {
        foreach (object[] arguments in argumentLists)
        {
            if (type.GetConstructor(Array.ConvertAll(arguments, argument => argument.GetType())) is { } constructor)
                return constructor.Invoke(System.Reflection.BindingFlags.DoNotWrapExceptions, null, arguments, null);
        }

        throw new ConfigurationException($"{setting} names {type}, which lacks a public constructor the engine can call.");
    }

    /// <summary>The type's name with its assembly, without version.</summary>
    public static string Short(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";
}
