using System.Runtime.ExceptionServices;
using Akka.Actor.Internal;
using Akka.Dispatch;
using Akka.Dispatch.SysMsg;

namespace Akka.Actor;

/// <summary>Receive timeout, timers and asynchronous handlers.</summary>
public sealed partial class ActorCell
{
    private TimeSpan? _receiveTimeout;
    private long _lastMessageAt;
    private ICancelable _receiveTimeoutTask;
    private TimerScheduler _timers;
    private ActorTaskScheduler _taskScheduler;
    private int _tasks;

    public TimeSpan? ReceiveTimeout => _receiveTimeout;

    public void SetReceiveTimeout(TimeSpan? timeout)
    {
        CancelReceiveTimeout();
        _receiveTimeout = timeout is { } time && time > TimeSpan.Zero ? time : null;
        RestartReceiveTimeout();
    }

    // The timer is not set anew for each message: when it fires too early, it is set for what is left.
    private void TouchReceiveTimeout(object message)
    {
        if (message is INotInfluenceReceiveTimeout) return;
        _lastMessageAt = Environment.TickCount64;
        if (_receiveTimeoutTask is null) RestartReceiveTimeout();
    }

    private void RestartReceiveTimeout()
    {
        if (_receiveTimeout is not { } timeout) return;
        _lastMessageAt = Environment.TickCount64;
        ArmReceiveTimeout(timeout);
    }

    private void ArmReceiveTimeout(TimeSpan delay)
    {
        _receiveTimeoutTask?.Cancel();
        var check = new ReceiveTimeoutCheck(this);
        check.Task = _receiveTimeoutTask = SystemImpl.Scheduler.ScheduleTellOnceCancelable(delay, new SystemTell(this), check, Self);
    }

    private void CheckReceiveTimeout(ReceiveTimeoutCheck check)
    {
        if (_receiveTimeout is not { } timeout || !ReferenceEquals(check.Task, _receiveTimeoutTask)) return;
        TimeSpan left = timeout - TimeSpan.FromMilliseconds(Environment.TickCount64 - _lastMessageAt);
        if (left > TimeSpan.Zero)
        {
            ArmReceiveTimeout(left);
            return;
        }

        _receiveTimeoutTask = null;
        Self.Tell(Akka.Actor.ReceiveTimeout.Instance, Self);
    }

    private void CancelReceiveTimeout()
    {
        _receiveTimeoutTask?.Cancel();
        _receiveTimeoutTask = null;
        _receiveTimeout = null;
    }

    internal ActorTaskScheduler TaskScheduler => _taskScheduler ??= new ActorTaskScheduler(this);

    /// <summary>Holds back other messages until the task has ended.</summary>
    internal void Await(ActorTaskScheduler scheduler, Task task)
    {
        _tasks++;
        Mailbox.Suspend();
        task.ContinueWith(
            ended => Mailbox.EnqueueSystem(new ActorTaskDone(scheduler, ActorTaskScheduler.FailureOf(ended))),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, global::System.Threading.Tasks.TaskScheduler.Default);
    }

    private void TaskDone(ActorTaskDone done)
    {
        _tasks--;
        Mailbox.Resume();
        if (done.Failure is not null) ExceptionDispatchInfo.Throw(done.Failure);
        if (_receiveTimeout is not null && CurrentMessage is { } message) TouchReceiveTimeout(message);
        if (_tasks == 0) CurrentMessage = null;
    }

    private sealed class ReceiveTimeoutCheck(ActorCell cell) : SystemMessage
    {
        public ICancelable Task { get; set; }
        public void Run() => cell.CheckReceiveTimeout(this);
    }

    private sealed class SystemTell(ActorCell cell) : ICanTell
    {
        public void Tell(object message, IActorRef sender) => cell.Mailbox.EnqueueSystem((SystemMessage)message);
    }
}
