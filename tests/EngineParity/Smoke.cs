using Akka.Actor;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class SmokeTest : TestKit
{
    [Fact]
    public async Task An_actor_answers_the_test()
    {
        IActorRef echo = Sys.ActorOf(Props.Create(() => new Echo()));
        echo.Tell("a");
        ExpectMsg("a");
        await Task.Yield();
        echo.Tell("b");
        await ExpectMsgAsync("b");
        await Task.Delay(10);
        echo.Tell("c");
        ExpectMsg("c");
        ExpectNoMsg(50);
    }

    private sealed class Echo : ReceiveActor
    {
        public Echo() => ReceiveAny(m => Sender.Tell(m));
    }
}
