using System.IO.Enumeration;
using Akka.Actor.Internal;

namespace Akka.Actor;

/// <summary>One step of a selection.</summary>
public abstract class SelectionPathElement;

/// <summary>To the child of that name.</summary>
public class SelectChildName(string name) : SelectionPathElement
{
    public string Name { get; } = name;
    public override string ToString() => Name;
}

/// <summary>To all children whose names match; * stands for any text, ? for any letter.</summary>
public class SelectChildPattern(string patternStr) : SelectionPathElement
{
    public string PatternStr { get; } = patternStr;
    internal bool Matches(string name) => FileSystemName.MatchesSimpleExpression(PatternStr, name, ignoreCase: false);
    public override string ToString() => PatternStr;
}

/// <summary>To the parent.</summary>
public class SelectParent : SelectionPathElement
{
    public static readonly SelectParent Instance = new();
    public override string ToString() => "..";
}

/// <summary>A message on its way along a selection.</summary>
public class ActorSelectionMessage(object message, SelectionPathElement[] elements, bool wildCardFanOut = false)
    : IAutoReceivedMessage, IPossiblyHarmful, IWrappedMessage
{
    public object Message { get; } = message;
    public SelectionPathElement[] Elements { get; } = elements;
    public bool WildCardFanOut { get; } = wildCardFanOut;
    public override string ToString() => $"<ActorSelectionMessage> - Message: {Message} - Path: {string.Join("/", (object[])Elements)}";
}

/// <summary>The actors at a path, looked up anew for each message.</summary>
public class ActorSelection : ICanTell
{
    public ActorSelection(IActorRef anchor, SelectionPathElement[] path)
    {
        Anchor = anchor;
        Path = path;
    }

    public ActorSelection(IActorRef anchor, string path) : this(anchor, path == "" ? [] : path.Split('/')) { }

    public ActorSelection(IActorRef anchor, IEnumerable<string> elements)
        : this(anchor, [.. elements.Where(element => element.Length > 0).Select(Step)]) { }

    public IActorRef Anchor { get; }
    public SelectionPathElement[] Path { get; }
    public string PathString => string.Join("/", (object[])Path);

    /// <summary>A selection by absolute path, full address, or path relative to the given reference.</summary>
    internal static ActorSelection Of(string path, ActorSystemImpl system, IActorRef relativeTo)
    {
        if (ActorPath.TryParse(path, out ActorPath full)) return Of(full, system);
        return path.StartsWith('/') ? new ActorSelection(system.LookupRoot, path) : new ActorSelection(relativeTo, path);
    }

    internal static ActorSelection Of(ActorPath path, ActorSystemImpl system)
    {
        IActorRef root = system.Provider.RootGuardianAt(path.Address);
        return new ActorSelection(root, path.Elements);
    }

    private static SelectionPathElement Step(string element) => element == ".." ? SelectParent.Instance
        : element.Contains('*') || element.Contains('?') ? new SelectChildPattern(element)
        : new SelectChildName(element);

    public void Tell(object message, IActorRef sender = null) =>
        Deliver((IInternalActorRef)Anchor, sender ?? ActorCell.GetCurrentSelfOrNoSender(),
            new ActorSelectionMessage(message ?? throw new ArgumentNullException(nameof(message)), Path));

    public Task<IActorRef> ResolveOne(TimeSpan timeout) => ResolveOne(timeout, CancellationToken.None);

    /// <summary>The actor at the path; <see cref="ActorNotFoundException"/> if none answers within the timeout.</summary>
    public async Task<IActorRef> ResolveOne(TimeSpan timeout, CancellationToken ct)
    {
        ActorIdentity identity;
        try
        {
            identity = await this.Ask<ActorIdentity>(new Identify(null), timeout, ct).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw new ActorNotFoundException($"No actor answered at {this}", e);
        }

        return identity.Subject ?? throw new ActorNotFoundException($"There is no actor at {this}");
    }

    /// <summary>Takes the message as far as this process goes: to its actors, or to the reference that carries it on.</summary>
    internal static void Deliver(IInternalActorRef anchor, IActorRef sender, ActorSelectionMessage selection)
    {
        IInternalActorRef at = anchor;
        for (int i = 0; i < selection.Elements.Length; i++)
        {
            if (at is not ActorRefWithCell here)
            {
                at = at.IsLocal ? (IInternalActorRef)at.GetChild([.. selection.Elements[i..].Select(step => step.ToString())]) : at;
                if (at.IsLocal) break;
                at.Tell(new ActorSelectionMessage(selection.Message, selection.Elements[i..], selection.WildCardFanOut), sender);
                return;
            }

            if (selection.Elements[i] is SelectChildPattern pattern)
            {
                FanOut(here, pattern, sender, selection, i);
                return;
            }

            at = selection.Elements[i] is SelectParent ? here.Parent : here.GetSingleChild(((SelectChildName)selection.Elements[i]).Name);
            if (at.IsNobody()) break;
        }

        if (!at.IsNobody()) at.Tell(selection.Message, sender);
        else if (!selection.WildCardFanOut) Missing(anchor, selection).Tell(selection.Message, sender);
    }

    private static void FanOut(ActorRefWithCell parent, SelectChildPattern pattern, IActorRef sender, ActorSelectionMessage selection, int at)
    {
        var rest = new ActorSelectionMessage(selection.Message, selection.Elements[(at + 1)..], wildCardFanOut: true);
        var matching = parent.Underlying.Children.All().Where(child => pattern.Matches(child.Child.Path.Name)).ToList();
        foreach (ChildRestartStats child in matching) Deliver(child.Child, sender, rest);
        if (matching.Count == 0 && !selection.WildCardFanOut) Missing(parent, selection).Tell(selection.Message, sender);
    }

    private static EmptyLocalActorRef Missing(IInternalActorRef anchor, ActorSelectionMessage selection) =>
        new(anchor.Provider, anchor.Path / selection.Elements.Select(step => step.ToString()), anchor.Provider.Settings.System.EventStream);

    public override string ToString() => $"ActorSelection[Anchor({Anchor.Path}), Path({PathString})]";
    public override bool Equals(object obj) => obj is ActorSelection other && Equals(Anchor, other.Anchor) && PathString == other.PathString;
    public override int GetHashCode() => HashCode.Combine(Anchor, PathString);
}
