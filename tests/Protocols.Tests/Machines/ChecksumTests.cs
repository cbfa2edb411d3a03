using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Machines;

/// <summary>Equal states have equal checksums whatever their history, and others do not.</summary>
public class ChecksumTests
{
    private static StateChecksum Sum(IStateMachine machine)
    {
        using ICheckpointView view = machine.BeginCheckpoint();
        return view.Checksum();
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static void Apply(IStateMachine machine, long index, byte[] payload) => machine.Apply(new AppliedCommand(index, 1_000, payload));

    [Fact]
    public void A_state_has_one_checksum_however_it_came_about() =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed =>
        {
            var random = new DeterministicRandom(seed);
            KeyValueMachine one = new(hashSeed: 1), other = new(hashSeed: 2);
            string[] keys = [.. Enumerable.Range(0, (int)random.Next(200)).Select(i => $"k{i}")];
            foreach (string key in keys)
                Apply(one, 1, new KeyValuePayload().Set(Bytes(key), Bytes($"value of {key}")).ToArray());
            // The other one gets more, in another order, and loses it again.
            for (int i = 0; i < 50; i++)
                Apply(other, 1, new KeyValuePayload().Set(Bytes($"x{i}"), Bytes("gone soon")).ToArray());
            foreach (string key in keys.Reverse())
                Apply(other, 1, new KeyValuePayload().Set(Bytes(key), Bytes($"value of {key}")).ToArray());
            for (int i = 0; i < 50; i++)
                Apply(other, 1, new KeyValuePayload().Delete(Bytes($"x{i}")).ToArray());
            Assert.Equal(Sum(one), Sum(other));
            Assert.Equal(keys.Length, Sum(one).Items);

            Apply(other, 1, new KeyValuePayload().Set(Bytes($"k{random.Next(201)}"), Bytes("another value")).ToArray());
            Assert.NotEqual(Sum(one), Sum(other));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Where_a_key_ends_and_its_value_begins_matters() =>
        Assert.NotEqual(default(StateChecksum).Add(Bytes("ab"), Bytes("c")), default(StateChecksum).Add(Bytes("a"), Bytes("bc")));

    [Fact]
    public void What_sessions_remember_is_part_of_the_state_and_survives_a_checkpoint()
    {
        SessionMachine one = new(new KeyValueMachine()), without = new(new KeyValueMachine()), restored = new(new KeyValueMachine());
        byte[] set = new KeyValuePayload().Set(Bytes("a"), Bytes("1")).ToArray();
        Apply(one, 1, CommandEnvelope.Encode(new SessionStamp(Guid.NewGuid(), 1, 1), set));
        Apply(without, 1, CommandEnvelope.Encode(set));
        Assert.NotEqual(Sum(one), Sum(without));

        using ICheckpointView view = one.BeginCheckpoint();
        restored.Restore(view.Segments(100));
        Assert.Equal(Sum(one), Sum(restored));
    }

    [Fact]
    public void A_mark_changes_nothing()
    {
        var machine = new SessionMachine(new KeyValueMachine());
        Apply(machine, 1, CommandEnvelope.Encode(new KeyValuePayload().Set(Bytes("a"), Bytes("1")).ToArray()));
        StateChecksum before = Sum(machine);
        Assert.True(machine.Apply(new AppliedCommand(2, 5_000, CommandEnvelope.Mark(Guid.NewGuid()))).IsEmpty);
        Assert.Equal(before, Sum(machine));
    }
}
