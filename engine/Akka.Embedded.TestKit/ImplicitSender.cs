using Akka.Actor;

namespace Akka.TestKit;

/// <summary>Makes the test actor the current actor of the test, on whatever thread the test goes on after an await.</summary>
internal sealed class ImplicitSender(ActorCell cell) : SynchronizationContext
{
    public static void Set(ActorCell cell)
    {
        ActorCell.Enter(cell);
        SetSynchronizationContext(new ImplicitSender(cell));
    }

    public override void Post(SendOrPostCallback d, object state) => ThreadPool.QueueUserWorkItem(_ => Run(d, state));

    public override void Send(SendOrPostCallback d, object state) => Run(d, state);

    private void Run(SendOrPostCallback d, object state)
    {
        SynchronizationContext context = Current;
        ActorCell before = ActorCell.Enter(cell);
        SetSynchronizationContext(this);
        try
        {
            d(state);
        }
        finally
        {
            ActorCell.Leave(before);
            SetSynchronizationContext(context);
        }
    }
}
