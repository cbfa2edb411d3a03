using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Status;

/// <summary>What a replica knows of one other member of a group whose members all take changes; counted in updates.</summary>
/// <param name="Heard">Since the replica started; if not, the rest says nothing.</param>
/// <param name="Lacks">That are on this node and were not on that one when it last spoke.</param>
/// <param name="Ahead">That were on that node and are not on this one.</param>
/// <param name="SilentSeconds">Since it last spoke. Where nothing happens it speaks less often.</param>
public sealed record MemberSpreadStatus(int Node, bool Heard, long Lacks, long Ahead, double SilentSeconds);

/// <summary>How far changes have spread from and to one replica of such a group, and what it keeps for that.</summary>
/// <param name="Rebuilding">It may lack what it had, and serves nobody until it has what all others have.</param>
/// <param name="KeptUpdates">That are kept because a member may lack them, of <paramref name="KeptBytes"/> bytes.</param>
/// <param name="KeptBytes">Likewise.</param>
/// <param name="Tags">Parts of values that are remembered until all members have seen them.</param>
/// <param name="Keys">That were ever changed.</param>
/// <param name="ComparingWith">The node whose values are being compared and brought over; 0: none.</param>
/// <param name="LentTo">How many members are comparing with this one.</param>
/// <param name="Comparisons">Brought to their end since the replica started.</param>
/// <param name="Refused">Updates that could not be carried out, since then.</param>
/// <param name="Unreadable">Parts of updates that could not be merged and are left out, since its data began.</param>
/// <param name="UnreadableMessages">Of members, since the replica started.</param>
public sealed record SpreadStatus(
    bool Rebuilding, long KeptUpdates, long KeptBytes, long Tags, long Keys, int ComparingWith, int LentTo, long Comparisons, long Refused, long Unreadable, long UnreadableMessages,
    IReadOnlyList<MemberSpreadStatus> Members)
{
    internal static SpreadStatus? Of(SpreadProgress? spread) => spread is null ? null
        : new SpreadStatus(
            spread.Rebuilding, spread.KeptUpdates, spread.KeptBytes, spread.Tags, spread.Keys, spread.Comparing.Value, spread.Lends, spread.Comparisons, spread.Refused, spread.Unreadable, spread.Nonsense,
            [.. spread.Members.Select(member => new MemberSpreadStatus(member.Id.Value, member.Heard, member.Lacks, member.Ahead, Math.Round(member.SilentMicros / 1e6, 1)))]);
}
