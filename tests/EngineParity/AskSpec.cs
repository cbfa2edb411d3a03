using Akka.Actor;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class AskSpec : TestKit
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private IActorRef Actor() => Sys.ActorOf(Props.Create(() => new Answers()));

    [Fact]
    public async Task The_task_ends_with_the_first_answer()
    {
        Assert.Equal("twice", await Actor().Ask<string>("twice", Limit));
        Assert.Equal("twice", await Actor().Ask("twice", Limit));
    }

    [Fact]
    public async Task A_failure_as_answer_is_thrown()
    {
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => Actor().Ask<string>("fail", Limit));
        Assert.Equal("no", failure.Message);
    }

    [Fact]
    public async Task An_answer_of_another_type_is_an_error()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => Actor().Ask<int>("twice", Limit));
    }

    [Fact]
    public async Task Without_an_answer_in_time_the_ask_times_out()
    {
        await Assert.ThrowsAsync<AskTimeoutException>(() => Actor().Ask<string>("silence", TimeSpan.FromMilliseconds(100)));
    }

    [Fact]
    public async Task An_ask_times_out_although_the_system_has_ended()
    {
        ActorSystem system = ActorSystem.Create("ending");
        IActorRef actor = system.ActorOf(Props.Create(() => new Answers()));
        Task<string> before = actor.Ask<string>("silence", TimeSpan.FromSeconds(1));
        await system.Terminate().WaitAsync(Limit);
        await Assert.ThrowsAsync<AskTimeoutException>(() => before.WaitAsync(Limit));
        await Assert.ThrowsAsync<AskTimeoutException>(() => actor.Ask<string>("silence", TimeSpan.FromMilliseconds(100)).WaitAsync(Limit));
    }

    [Fact]
    public async Task An_ask_can_be_cancelled()
    {
        using var source = new CancellationTokenSource();
        Task<string> ask = Actor().Ask<string>("silence", Limit, source.Token);
        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ask);
    }

    [Fact]
    public async Task The_answer_address_can_be_put_into_the_message()
    {
        Assert.Equal("via", await Actor().Ask<string>(reply => new ReplyVia(reply), Limit, CancellationToken.None));
    }

    [Fact]
    public async Task A_selection_can_be_asked_and_resolved()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Answers()), "named");
        Assert.Equal("twice", await Sys.ActorSelection("/user/named").Ask<string>("twice", Limit));
        Assert.Equal(actor, await Sys.ActorSelection(actor.Path).ResolveOne(Limit));
        await Assert.ThrowsAsync<ActorNotFoundException>(() => Sys.ActorSelection("/user/nobody").ResolveOne(Limit));
    }

    [Fact]
    public void PipeTo_tells_the_result_or_the_failure()
    {
        Task.FromResult("result").PipeTo(TestActor);
        ExpectMsg("result");
        Task.FromResult("result").PipeTo(TestActor, success: text => text.Length);
        ExpectMsg(6);
        Task.FromException<string>(new InvalidOperationException("no")).PipeTo(TestActor);
        ExpectMsg<Status.Failure>(failure => failure.Cause.Message == "no");
        Task.FromException<string>(new InvalidOperationException("no")).PipeTo(TestActor, failure: e => e.Message);
        ExpectMsg("no");
        Task.CompletedTask.PipeTo(TestActor, success: () => "done");
        ExpectMsg("done");
    }

    [Fact]
    public void Wildcards_in_a_selection_reach_all_that_match()
    {
        foreach (string name in new[] { "a1", "a2", "b1" }) Sys.ActorOf(Props.Create(() => new Answers()), name);
        Sys.ActorSelection("/user/a*").Tell("twice", TestActor);
        ExpectMsgAllOf("twice", "twice", "second", "second");
        ExpectNoMsg(100);
    }

    private sealed record ReplyVia(IActorRef Reply);

    private sealed class Answers : ReceiveActor
    {
        public Answers()
        {
            Receive<string>(text => text == "twice", text =>
            {
                Sender.Tell(text);
                Sender.Tell("second");
            });
            Receive<string>(text => text == "fail", _ => Sender.Tell(new Status.Failure(new InvalidOperationException("no"))));
            Receive<ReplyVia>(message => message.Reply.Tell("via"));
            ReceiveAny(_ => { });
        }
    }
}
