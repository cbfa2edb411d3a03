namespace ActorRepl.Protocols.Crdt;

/// <summary>One element of a sequence: which source inserted it, by its place in the sequence's table, and that source's number for it, from 1.</summary>
internal readonly record struct ElementId(ushort Source, int Number)
{
    /// <summary>No element: before the first, or after the last.</summary>
    public static readonly ElementId None = new(ushort.MaxValue, 0);

    public bool IsNone => Number == 0;
}

/// <summary>
/// Elements that one source inserted one after the other and that still lie so, all deleted or none, all settled or none. The first was inserted between <see cref="Left"/> and
/// <see cref="Right"/>, which then were neighbours, each further one between the one before it and <see cref="Right"/>.
/// </summary>
internal struct Run
{
    public ushort Source;
    private ushort _leftSource;
    private ushort _rightSource;
    public bool IsDeleted;

    /// <summary>Every replica has it: nothing is compared any more with what it was inserted between, and that is forgotten.</summary>
    public bool IsSettled;
    public int First;
    public int Length;
    private int _left;
    private int _right;

    public Run(ElementId first, int length, ElementId left, ElementId right, bool isDeleted)
    {
        (Source, First) = (first.Source, first.Number);
        Length = length;
        IsDeleted = isDeleted;
        Left = left;
        Right = right;
    }

    public static Run Settled(ElementId first, int length, bool isDeleted) => new(first, length, ElementId.None, ElementId.None, isDeleted) { IsSettled = true };

    public readonly int Visible => IsDeleted ? 0 : Length;

    /// <summary>The number after the last one's.</summary>
    public readonly int End => First + Length;

    public readonly ElementId FirstId => new(Source, First);

    public ElementId Left
    {
        readonly get => new(_leftSource, _left);
        private set => (_leftSource, _left) = (value.Source, value.Number);
    }

    public ElementId Right
    {
        readonly get => new(_rightSource, _right);
        private set => (_rightSource, _right) = (value.Source, value.Number);
    }

    public readonly bool Contains(ElementId id) => Source == id.Source && First <= id.Number && id.Number < End;

    /// <summary>The elements from an offset on, as a run of its own.</summary>
    public readonly Run From(int offset) => IsSettled
        ? Settled(new ElementId(Source, First + offset), Length - offset, IsDeleted)
        : new(new ElementId(Source, First + offset), Length - offset, new ElementId(Source, First + offset - 1), Right, IsDeleted);

    /// <summary>The other, where it follows in the sequence, is more of this run.</summary>
    public readonly bool MergesWith(in Run next) =>
        IsDeleted == next.IsDeleted && IsSettled == next.IsSettled && (IsSettled ? Source == next.Source && End == next.First : IsContinuedBy(next));

    /// <summary>The other goes on where this run ends, be it deleted or not and be there something between them or not.</summary>
    public readonly bool IsContinuedBy(in Run next) =>
        Source == next.Source && End == next.First && next.Left == new ElementId(Source, next.First - 1) && Right == next.Right;
}
