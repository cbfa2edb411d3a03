using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <summary>A boolean that once switched on stays on.</summary>
public sealed class Flag(bool enabled) : IOwnData<Flag>, IWireData, IEquatable<Flag>, IComparable<Flag>
{
    public static readonly Flag False = new(false);
    public static readonly Flag True = new(true);

    public Flag() : this(false) { }

    public bool Enabled { get; } = enabled;
    public Flag SwitchOn() => True;
    public Flag Merge(Flag other) => Enabled ? this : other;
    public int CompareTo(Flag other) => other is null ? 1 : Enabled.CompareTo(other.Enabled);
    public bool Equals(Flag other) => other is not null && Enabled == other.Enabled;
    public override bool Equals(object obj) => Equals(obj as Flag);
    public override int GetHashCode() => Enabled.GetHashCode();
    public override string ToString() => Enabled.ToString();
    public static implicit operator bool(Flag flag) => flag.Enabled;

    void IWireData.Write(DataWriter to) => to.Count(Enabled ? 1 : 0);
    internal static Flag Read(DataReader from) => from.Count() == 0 ? False : True;
}
