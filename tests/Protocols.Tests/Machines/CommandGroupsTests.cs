using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Machines;

public sealed class CommandGroupsTests
{
    [Fact]
    public void Commands_that_share_a_key_are_in_one_group_also_through_others() =>
        Assert.Equal([[0, 2, 3], [1], [4, 5]], Divide("a", "b", "ac", "c", "d", "ded"));

    [Fact]
    public void A_command_of_no_key_is_alone() => Assert.Equal([[0], [1], [2]], Divide("", "a", ""));

    [Fact]
    public void A_command_that_does_not_know_its_keys_is_left_out_with_all_it_named()
    {
        var groups = new CommandGroups();
        Assert.True(Add(groups, "a"));
        Assert.False(Add(groups, "ab?"));
        Assert.True(Add(groups, "b"));
        groups.Divide();
        Assert.Equal(2, groups.Count);
    }

    [Fact]
    public void One_taken_back_joins_nothing()
    {
        var groups = new CommandGroups();
        Add(groups, "a");
        Add(groups, "ab");
        groups.RemoveLast();
        Add(groups, "b");
        groups.Divide();
        Assert.Equal(2, groups.Count);
    }

    [Fact]
    public void Groups_have_no_key_in_common_hold_every_command_once_and_keep_its_order() =>
        Prop.ForAll<string[]>(words =>
        {
            // Few letters, so that some meet; used again, so that nothing is left over from before.
            string[] commands = [.. words.Select(word => new string([.. (word ?? "").Select(letter => (char)('a' + letter % 40))]))];
            int[][] groups = Divide(commands);
            Assert.Equal(Enumerable.Range(0, commands.Length), groups.SelectMany(group => group).Order());
            Assert.All(groups, group => Assert.Equal(group.Order(), group));
            HashSet<char> seen = [];
            foreach (int[] group in groups)
            {
                HashSet<char> keys = [.. group.SelectMany(command => commands[command])];
                Assert.False(seen.Overlaps(keys), "two groups share a key");
                seen.UnionWith(keys);
                Assert.True(group.Length == 1 || IsConnected([.. group.Select(command => commands[command])]), "a group is held together by keys");
            }
        }).QuickCheckThrowOnFailure();

    private readonly CommandGroups _groups = new();

    private int[][] Divide(params string[] commands)
    {
        _groups.Clear();
        foreach (string command in commands)
            Add(_groups, command);
        _groups.Divide();
        return [.. Enumerable.Range(0, _groups.Count).Select(group => _groups[group].ToArray())];
    }

    private static bool Add(CommandGroups groups, string letters) =>
        groups.TryAdd(LetterMachine.Instance, System.Text.Encoding.Latin1.GetBytes(letters), out _, out _);

    private static bool IsConnected(List<string> commands)
    {
        HashSet<char> reached = [.. commands[0]];
        commands.RemoveAt(0);
        while (commands.Find(command => reached.Overlaps(command)) is { } next)
        {
            reached.UnionWith(next);
            commands.Remove(next);
        }

        return commands.Count == 0;
    }

    /// <summary>Each letter of a command is a key.</summary>
    private sealed class LetterMachine : IKeyedStateMachine
    {
        public static LetterMachine Instance { get; } = new();

        public long ApproximateBytes => 0;

        public bool TryFindKeys(ReadOnlyMemory<byte> command, CommandKeys keys)
        {
            foreach (byte letter in command.Span)
            {
                if (letter == '?')
                    return false;
                keys.Add(letter);
            }

            return true;
        }

        public bool BeginTogether(int commands, long growthBytes) => true;

        public void EndTogether()
        {
        }

        public ReadOnlyMemory<byte> Apply(in AppliedCommand command) => throw new NotSupportedException();

        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => throw new NotSupportedException();

        public ICheckpointView BeginCheckpoint() => throw new NotSupportedException();

        public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments) => throw new NotSupportedException();
    }
}
