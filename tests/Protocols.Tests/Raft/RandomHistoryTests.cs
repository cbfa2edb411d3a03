using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>
/// Seeded histories with everything a bad day has: messages late, lost, twice and out of order, slow disks, crashes that
/// keep any part of what was not yet reported durable, checkpoints and installs in between. Figure 3's properties hold after every step.
/// </summary>
public class RandomHistoryTests
{
    private const int Steps = 3000;

    [Theory]
    [InlineData(3, 1, 40)]
    [InlineData(5, 1001, 15)]
    [InlineData(4, 2001, 25)]
    public void Whatever_happens_the_safety_properties_hold_and_a_healed_group_goes_on(int size, int firstSeed, int seeds)
    {
        var totals = new History.Coverage();
        for (int seed = firstSeed; seed < firstSeed + seeds; seed++)
        {
            var history = new History(size, (ulong)seed);
            try
            {
                history.Run(Steps);
                history.HealAndConverge();
            }
            catch (Exception failure) when (failure is InvariantViolationException or Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {seed} of {size} replicas, step {history.StepsDone}: {failure}");
            }

            totals.Add(history.Seen);
        }

        totals.AssertFloors(seeds);
    }

    private sealed class History
    {
        private static readonly RaftOptions Options = new() { CheckpointEntries = 25, KeepEntries = 8, MaxInFlightMessages = 4, MaxBatchBytes = 200 };

        private readonly int _size;
        private readonly DeterministicRandom _random;
        private readonly RaftNode[] _nodes;
        private readonly List<(int From, int To, byte[] Bytes)> _network = [];
        private readonly Dictionary<long, int> _leaders = [];
        private readonly List<(long Term, string Command)> _chosen = [];
        private readonly HashSet<string> _acknowledged = [];
        private readonly Dictionary<long, string> _asked = [];
        private readonly HashSet<string> _refused = [];
        private readonly Dictionary<long, int> _readsExpect = [];
        private readonly List<(long, long, string)>?[] _installing;
        private readonly int[] _checked;
        private long _now;
        private int _commands;
        private bool _calm;

        public History(int size, ulong seed)
        {
            _size = size;
            _random = new DeterministicRandom(seed);
            _installing = new List<(long, long, string)>?[size];
            _checked = new int[size];
            _nodes = [.. Enumerable.Range(1, size).Select(id => Fresh(id, null).Start())];
        }

        public Coverage Seen { get; } = new();
        public int StepsDone { get; private set; }

        public void Run(int steps)
        {
            for (; StepsDone < steps; StepsDone++)
            {
                Act();
                foreach (RaftNode node in _nodes)
                    Collect(node);
            }
        }

        public void HealAndConverge()
        {
            _calm = true;
            for (int round = 0; round < 400; round++)
            {
                _now += 10 * RaftNode.Ms;
                foreach (RaftNode node in _nodes)
                {
                    node.Now = _now;
                    node.FireDue();
                    node.MakeDurable();
                    Finish(node);
                    Collect(node);
                }

                while (_network.Count > 0)
                    Deliver(0);
                if (round == 300)
                    _nodes.Where(node => node.IsLeader).MaxBy(node => node.Status.Term)!.Command("last");
            }

            Assert.All(_nodes, node => Assert.Equal(_chosen.Count, node.Applied.Count));
            Assert.Equal("last", _chosen[^1].Command);
            var chosen = _chosen.Select(entry => entry.Command).ToHashSet();
            Assert.All(_acknowledged, command => Assert.Contains(command, chosen));
            Assert.All(_refused, command => Assert.DoesNotContain(command, chosen));
        }

        private void Act()
        {
            RaftNode node = _nodes[_random.Next(_size)];
            switch (_random.Next(100))
            {
                case < 55 when _network.Count > 0:
                    int which = (int)_random.Next(_network.Count);
                    if (_random.Chance(1, 10))
                        _network.RemoveAt(which);
                    else if (_random.Chance(1, 10))
                        _network.Add(_network[which]);
                    else
                        Deliver(which);
                    break;
                case < 70:
                    _now += _random.Next(30 * RaftNode.Ms);
                    node.Now = _now;
                    node.FireDue();
                    break;
                case < 82:
                    if (node.WrittenLsn > node.DurableLsn)
                        node.MakeDurable(node.DurableLsn + 1 + _random.Next(node.WrittenLsn - node.DurableLsn));
                    break;
                case < 90:
                    node = _nodes.FirstOrDefault(each => each.IsLeader) ?? node;
                    node.Now = _now;
                    Ask(node);
                    break;
                case < 94:
                    node = _nodes.FirstOrDefault(each => each.IsLeader) ?? node;
                    node.Now = _now;
                    _readsExpect[node.Read()] = _acknowledged.Count == 0 ? 0 : _chosen.FindLastIndex(entry => _acknowledged.Contains(entry.Command)) + 1;
                    break;
                case < 96:
                    node.Now = _now;
                    Finish(node);
                    break;
                case < 97:
                    node.Now = _now;
                    node.Step(new Input.PeerHint(new ReplicaId(1 + (int)_random.Next(_size)), Up: false));
                    break;
                case 97:
                    node.Now = _now;
                    node.Step(new Input.HandOver(ReplicaId.None));
                    break;
                case 98:
                    Crash(node);
                    break;
            }
        }

        private void Ask(RaftNode node)
        {
            string[] commands = [.. Enumerable.Range(0, 1 + (int)_random.Next(3)).Select(_ => $"c{++_commands}")];
            ClientRequest[] requests = [.. commands.Select(command => node.Request(RequestKind.Command, command, _now + Instant.Second))];
            for (int i = 0; i < commands.Length; i++)
                _asked[requests[i].Id] = commands[i];
            node.Step(new Input.Requests(requests));
        }

        private void Deliver(int which)
        {
            (int from, int to, byte[] bytes) = _network[which];
            _network.RemoveAt(which);
            RaftNode node = _nodes[to - 1];
            node.Now = _now;
            PeerMessage message = node.Raft.Decode(bytes);
            Seen.Offers += message is CheckpointOffer ? 1 : 0;
            node.Receive(from, message);
            Collect(node);
        }

        private void Finish(RaftNode node)
        {
            int id = node.Id.Value;
            if (node.Saving is not null)
            {
                node.FinishCheckpoint();
                Seen.Checkpoints++;
            }
            else if (node.Installing is not null)
            {
                node.FinishInstall(_installing[id - 1]!);
                _checked[id - 1] = 0;
                Seen.Installs++;
            }
            else if (node.Fetching is { } fetch)
            {
                node.Fetching = null;
                RaftNode source = _nodes[fetch.From.Value - 1];
                if (source.Saved is { } saved && saved.Index >= fetch.Index)
                {
                    _installing[id - 1] = source.SavedState;
                    node.Step(new Input.TransferReady(fetch.From, saved with { HardState = default, Tail = [] }));
                }
                else
                {
                    node.Step(new Input.TransferFailed(fetch.From, fetch.Index, "gone"));
                }
            }
        }

        private void Crash(RaftNode node)
        {
            Seen.Crashes++;
            long survives = node.DurableLsn + _random.Next(node.WrittenLsn - node.DurableLsn + 1);
            RecoveredState found = node.Recover(survives);
            Assert.Null(found.Damage);
            // One replica of five may lose what it had promised: the others still hold all of it.
            if (_size == 5 && StepsDone > Steps / 2 && node.Id.Value == 5)
                found = found with { Log = [.. found.Log.Take((int)_random.Next(found.Log.Count + 1))], Damage = "lost" };
            RaftNode again = Fresh(node.Id.Value, found);
            again.Written.AddRange(node.Written.Where(entry => entry.Lsn <= survives));
            again.Applied = [.. node.SavedState];
            again.SavedState = node.SavedState;
            again.LastRequest = node.LastRequest;
            _nodes[node.Id.Value - 1] = again;
            _checked[node.Id.Value - 1] = 0;
            again.Start();
        }

        private RaftNode Fresh(int id, RecoveredState? recovered) =>
            new(id, _size, Options, recovered, _random.NextUInt64(), _now) { DiskWorks = false, AnswersCheckpoints = false };

        /// <summary>Takes what a replica sent and answered, and looks at all it has done.</summary>
        private void Collect(RaftNode node)
        {
            int id = node.Id.Value;
            foreach ((ReplicaId to, PeerMessage message) in node.Sent)
                _network.Add((id, to.Value, message.ToBytes()));
            node.Sent.Clear();
            while (!_calm && _network.Count > 300)
                _network.RemoveAt((int)_random.Next(_network.Count));

            Seen.Truncations += node.Seen.Count(effect => effect is Effect.Append { Record.TruncateFrom: > 0 });
            if (node.IsLeader)
            {
                if (_leaders.TryAdd(node.Status.Term, id))
                    Seen.Elections++;
                Assert.True(_leaders[node.Status.Term] == id, $"Election Safety: two leaders in term {node.Status.Term}");
            }

            for (int i = _checked[id - 1]; i < node.Applied.Count; i++)
            {
                (long index, long term, string command) = node.Applied[i];
                Assert.True(index == i + 1, $"{node.Id} applies {index} as the {i + 1}th");
                if (_chosen.Count == i)
                    _chosen.Add((term, command));
                Assert.True(_chosen[i] == (term, command), $"State Machine Safety: {node.Id} applies {command}@{term} at {index}, {_chosen[i]} is there");
            }

            _checked[id - 1] = node.Applied.Count;
            foreach (string command in node.Replies.Values)
                _acknowledged.Add(command);
            node.Replies.Clear();
            foreach (long read in node.Served)
            {
                Seen.Reads++;
                Assert.True(node.Applied.Count >= _readsExpect[read], "a read misses a command acknowledged before it");
            }

            node.Served.Clear();
            node.Seen.Clear();
            foreach ((long request, Rejection why) in node.Rejections)
            {
                Seen.Dropped += why.Reason == RejectReason.Dropped ? 1 : 0;
                if (!why.OutcomeUnknown && _asked.TryGetValue(request, out string? command))
                    _refused.Add(command);
            }

            node.Rejections.Clear();
        }

        internal sealed class Coverage
        {
            public int Elections { get; set; }
            public int Truncations { get; set; }
            public int Checkpoints { get; set; }
            public int Offers { get; set; }
            public int Installs { get; set; }
            public int Crashes { get; set; }
            public int Reads { get; set; }
            public int Dropped { get; set; }

            public void Add(Coverage other)
            {
                Elections += other.Elections;
                Truncations += other.Truncations;
                Checkpoints += other.Checkpoints;
                Offers += other.Offers;
                Installs += other.Installs;
                Crashes += other.Crashes;
                Reads += other.Reads;
                Dropped += other.Dropped;
            }

            public void AssertFloors(int seeds) => Assert.True(
                Elections > 3 * seeds && Crashes > 10 * seeds && Reads > seeds && Checkpoints > seeds && Truncations > seeds / 4,
                $"too little happened: {Elections} elections, {Truncations} truncations, {Checkpoints} checkpoints, {Offers} offers, "
                + $"{Installs} installs, {Crashes} crashes, {Reads} reads, {Dropped} dropped");
        }
    }
}
