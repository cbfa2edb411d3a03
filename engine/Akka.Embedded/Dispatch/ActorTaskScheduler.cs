using System.Runtime.ExceptionServices;
using Akka.Actor;
using Akka.Dispatch.SysMsg;

namespace Akka.Dispatch;

/// <summary>Runs the pieces of an actor's asynchronous handlers in the actor, one at a time.</summary>
public class ActorTaskScheduler : TaskScheduler
{
    private readonly ActorCell _cell;

    internal ActorTaskScheduler(ActorCell cell) => _cell = cell;

    public override int MaximumConcurrencyLevel => 1;
    public object CurrentMessage => _cell.CurrentMessage;

    /// <summary>Runs the action as part of the current actor.</summary>
    public static void RunTask(Action action) => RunTask(() =>
    {
        action();
        return Task.CompletedTask;
    });

    /// <summary>Runs the action as part of the current actor: no other message is handled until its task has ended.</summary>
    public static void RunTask(Func<Task> asyncAction)
    {
        ActorCell cell = ActorCell.Current ?? throw new InvalidOperationException("RunTask must be called from within an actor.");
        ActorTaskScheduler scheduler = cell.TaskScheduler;
        var start = new Task<Task>(asyncAction);
        start.RunSynchronously(scheduler);
        Task running = start.IsFaulted ? start : start.Result;
        if (!running.IsCompleted) cell.Await(scheduler, running);
        else if (FailureOf(running) is { } failure) ExceptionDispatchInfo.Throw(failure);
    }

    internal static Exception FailureOf(Task task) => task.IsCanceled ? new TaskCanceledException(task)
        : task.Exception is not { } failure ? null
        : failure.InnerExceptions.Count == 1 ? failure.InnerException : failure;

    internal void Execute(Task task) => TryExecuteTask(task);

    protected override void QueueTask(Task task) => _cell.Mailbox.EnqueueSystem(new ActorTask(this, task));

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        !taskWasPreviouslyQueued && ReferenceEquals(ActorCell.Current, _cell) && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks() => [];
}
