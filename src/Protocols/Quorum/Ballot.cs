using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Names one attempt at a conditional write, and orders all of a key (Lamport, "Paxos Made Simple", 2001: a proposal's number). No two attempts have the
/// same: a proposer numbers them as it numbers its writes.
/// </summary>
/// <param name="Round">Above every round that the proposer knew, and not below its wall clock, µs, so that rounds of different keys can be compared.</param>
internal readonly record struct Ballot(long Round, Dot Proposer) : IComparable<Ballot>
{
    public const int EncodedSize = sizeof(long) + Dot.EncodedSize;

    public static readonly Ballot None;

    public bool IsNone => Round == 0;

    public int CompareTo(Ballot other) => Round != other.Round ? Round.CompareTo(other.Round) : Proposer.CompareTo(other.Proposer);

    public override string ToString() => IsNone ? "none" : $"{Round}/{Proposer}";

    public static bool operator <(Ballot left, Ballot right) => left.CompareTo(right) < 0;
    public static bool operator >(Ballot left, Ballot right) => left.CompareTo(right) > 0;
    public static bool operator <=(Ballot left, Ballot right) => left.CompareTo(right) <= 0;
    public static bool operator >=(Ballot left, Ballot right) => left.CompareTo(right) >= 0;

    /// <summary>A byte says whether there is one.</summary>
    public int SizeWithFlag => 1 + (IsNone ? 0 : EncodedSize);

    public void EncodeWithFlag(ref ByteWriter writer)
    {
        writer.Byte(IsNone ? (byte)0 : (byte)1);
        if (IsNone)
            return;
        writer.Int64(Round);
        Proposer.Encode(ref writer);
    }

    /// <exception cref="InvalidDataException">The bytes are no ballot.</exception>
    public static Ballot DecodeWithFlag(ref ByteReader reader)
    {
        if (!reader.Bool())
            return None;
        long round = reader.Int64();
        return round >= 1 ? new Ballot(round, Dot.Decode(ref reader)) : throw new InvalidDataException($"a ballot has round {round}; rounds count from 1");
    }
}

/// <summary>What an acceptor remembers of one key while conditional writes of it are under way.</summary>
/// <param name="Promised">Nothing below this is taken any more.</param>
/// <param name="Accepted">The highest attempt it has accepted and does not know to be committed; none: there is none.</param>
/// <param name="Proposal">What that one proposes: all of the key's versions after it; of one that changes nothing, those that it found.</param>
internal sealed record PaxosState(ReadOnlyMemory<byte> Key, Ballot Promised, Ballot Accepted, KeyVersions Proposal)
{
    public int EncodedSize => sizeof(int) + Key.Length + Promised.SizeWithFlag + Accepted.SizeWithFlag + Proposal.EncodedSize;

    public void Encode(ref ByteWriter writer)
    {
        writer.Bytes(Key.Span);
        Promised.EncodeWithFlag(ref writer);
        Accepted.EncodeWithFlag(ref writer);
        Proposal.Encode(ref writer);
    }

    /// <exception cref="InvalidDataException">The bytes are no such state.</exception>
    public static PaxosState Decode(ref ByteReader reader) => new(reader.Bytes(), Ballot.DecodeWithFlag(ref reader), Ballot.DecodeWithFlag(ref reader), KeyVersions.Decode(ref reader));

    /// <summary>What is certain when both are: the higher promise, and the higher of what was accepted.</summary>
    public PaxosState Merge(PaxosState other) => new(
        Key, Promised >= other.Promised ? Promised : other.Promised, Accepted >= other.Accepted ? Accepted : other.Accepted, Accepted >= other.Accepted ? Proposal : other.Proposal);
}
