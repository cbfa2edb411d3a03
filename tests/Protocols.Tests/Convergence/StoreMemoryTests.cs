using System.Runtime.CompilerServices;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;
using Xunit.Abstractions;

namespace ActorRepl.Protocols.Tests.Convergence;

/// <summary>Runs when nothing else does: it weighs the memory of the process.</summary>
[CollectionDefinition(nameof(StoreMemoryTests), DisableParallelization = true)]
[Collection(nameof(StoreMemoryTests))]
public class StoreMemoryTests(ITestOutputHelper output)
{
    private static readonly VersionSource Source = new(new ReplicaId(1));

    /// <summary>Ten million on one node are to take less than 2.5 GB, three sources each, with what lies beside them.</summary>
    [Fact]
    public void A_small_counter_takes_few_bytes()
    {
        int count = int.TryParse(Environment.GetEnvironmentVariable("CRDT_STORE_KEYS"), out int given) ? given : 100_000;
        ConvergentStore?[] holder = new ConvergentStore?[1];
        Fill(holder, count);
        // Against what is left without it: what others have left behind is gone by then, or in both.
        long with = GC.GetTotalMemory(forceFullCollection: true);
        holder[0] = null;
        long perKey = (with - GC.GetTotalMemory(forceFullCollection: true)) / count;
        output.WriteLine($"{count:N0} counters of three sources: {perKey} bytes each");
        Assert.InRange(perKey, 20, 230);
    }

    // Apart, so that no local of the caller keeps the store.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fill(ConvergentStore?[] holder, int count)
    {
        // The feed of changes and what is answered have bounds of their own.
        var options = new ConvergentOptions { MaxChanges = 100, MaxPendingRequests = 100 };
        var store = new ConvergentStore(options);
        store.Apply(new AppliedCommand(1, 1, new StoreUpdate.Begin(Source, Anew: false).ToBytes()));
        VersionSource[] others = [new(new ReplicaId(2)), new(new ReplicaId(3))];
        long index = 1;
        for (int i = 0; i < count; i++)
        {
            var key = new CrdtKey(CrdtType.Counter, $"counter:{i:D8}");
            store.Apply(new AppliedCommand(++index, index, new StoreUpdate.Local(new CrdtUpdate(key, new CrdtOperation.Add(1)).ToBytes()).ToBytes()));
            foreach (VersionSource other in others)
            {
                byte[] delta = CrdtCodec.Encode(new PNCounter().Increment(other));
                var unit = new UpdateUnit(i + 1, VersionVector.Empty, VersionVector.Empty, Guid.Empty, [(key, delta)]);
                store.Apply(new AppliedCommand(++index, 1, new StoreUpdate.Remote(other, unit.ToBytes()).ToBytes()));
            }

            if (i % 1_000 == 999)
                store.Apply(new AppliedCommand(++index, 1, new StoreUpdate.Stable(store.Vector, store.Vector).ToBytes()));
        }

        Assert.Equal(count, store.Count);
        holder[0] = store;
    }
}
