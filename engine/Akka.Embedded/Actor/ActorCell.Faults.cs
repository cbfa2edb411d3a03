using System.Runtime.ExceptionServices;
using Akka.Actor.Internal;
using Akka.Dispatch.SysMsg;
using Akka.Event;

namespace Akka.Actor;

/// <summary>Creation, failure, restart and termination: the actor's life as driven by system messages.</summary>
public sealed partial class ActorCell
{
    // What the actor waits for until the children it stopped are gone.
    private enum Waiting { ForNothing, ToCreate, ToRecreate, ToTerminate }

    private Waiting _waiting;
    private Exception _recreateCause;

    // Who failed, if this actor is suspended for a failure: itself, or the child whose failure it escalates.
    private IActorRef _perpetrator;

    internal void SystemInvoke(SystemMessage message)
    {
        try
        {
            switch (message)
            {
                case Create: CreateActor(); break;
                case ActorTask task: task.Scheduler.Execute(task.Task); break;
                case ActorTaskDone done: TaskDone(done); break;
                case ReceiveTimeoutCheck check: check.Run(); break;
                case Failed failed: HandleFailed(failed); break;
                case Watch watch: AddWatcher(watch.Watchee, watch.Watcher); break;
                case Unwatch unwatch: RemoveWatcher(unwatch.Watchee, unwatch.Watcher); break;
                case DeathWatchNotification gone: WatchedActorTerminated(gone); break;
                case Recreate recreate: FaultRecreate(recreate.Cause); break;
                case Suspend: FaultSuspend(); break;
                case Resume resume: FaultResume(resume.CausedByFailure); break;
                case Dispatch.SysMsg.Terminate: TerminateActor(); break;
                default: throw new NotSupportedException($"unknown system message {message}");
            }
        }
        catch (Exception e)
        {
            HandleInvokeFailure(e);
        }
    }

    /// <summary>What a dead actor still answers: who watches it learns that it is gone.</summary>
    internal void SystemMessageAfterDeath(SystemMessage message)
    {
        if (message is Watch watch && watch.Watchee.Equals(Self) && !watch.Watcher.Equals(Self))
            watch.Watcher.SendSystemMessage(new DeathWatchNotification(Self, existenceConfirmed: false, addressTerminated: false));
    }

    private void CreateActor()
    {
        try
        {
            _actor = NewActor();
            _actor.AroundPreStart();
        }
        catch (Exception e)
        {
            ClearActor();
            throw e is ActorInitializationException { Actor: not null } ? e : new ActorInitializationException(Self, "Exception during creation", e);
        }

        if (SystemImpl.Settings.DebugLifecycle) Publish(new Debug(Self.Path.ToString(), _actor.GetType(), $"Started ({_actor})"));
        RestartReceiveTimeout();
    }

    private void HandleInvokeFailure(Exception cause, IReadOnlyCollection<ChildRestartStats> survivors = null)
    {
        if (_perpetrator is not null) return;
        Mailbox.Suspend();
        bool escalates = CurrentMessage is Failed;
        _perpetrator = escalates ? ((Failed)CurrentMessage).Child : Self;
        foreach (ChildRestartStats child in Children.All())
        {
            if (!child.Child.Equals(_perpetrator) && survivors?.Contains(child) != true) child.Child.Suspend();
        }

        Parent.SendSystemMessage(new Failed(Self, cause, Self.Path.Uid));
    }

    private void HandleFailed(Failed failure)
    {
        if (Children.Find(failure.Child) is not { } stats || stats.Uid != failure.Uid) return;
        object message = CurrentMessage;
        IActorRef sender = Sender;
        CurrentMessage = failure;
        Sender = failure.Child;
        if (!Supervision.HandleFailure(this, failure.Child, failure.Cause, stats, Children.All()))
            ExceptionDispatchInfo.Throw(failure.Cause);
        CurrentMessage = message;
        Sender = sender;
    }

    private SupervisorStrategy Supervision => Props.SupervisorStrategy ?? _actor?.OwnSupervisorStrategy() ?? SupervisorStrategy.DefaultStrategy;

    private void FaultSuspend()
    {
        Mailbox.Suspend();
        foreach (ChildRestartStats child in Children.All()) child.Child.Suspend();
    }

    private void FaultResume(Exception causedByFailure)
    {
        if (_actor is null && _waiting == Waiting.ForNothing)
        {
            FaultCreate();
            return;
        }

        IActorRef perpetrator = _perpetrator;
        if (CurrentMessage is Failed) CurrentMessage = null;
        Mailbox.Resume();
        if (causedByFailure is not null) _perpetrator = null;
        foreach (ChildRestartStats child in Children.All())
            child.Child.Resume(child.Child.Equals(perpetrator) ? causedByFailure : null);
    }

    private void FaultCreate()
    {
        StopChildren();
        if (!WaitForChildren(Waiting.ToCreate)) FinishCreate();
    }

    private void FinishCreate()
    {
        Mailbox.Resume();
        _perpetrator = null;
        CreateActor();
    }

    private void FaultRecreate(Exception cause)
    {
        if (_waiting != Waiting.ForNothing)
        {
            FaultResume(null);
            return;
        }

        if (_actor is null)
        {
            FaultCreate();
            return;
        }

        try
        {
            _actor.AroundPreRestart(cause, CurrentMessage);
        }
        catch (Exception e)
        {
            Publish(new Error(new PreRestartException(Self, e, cause, CurrentMessage), Self.Path.ToString(), _actor.GetType(), e.Message));
        }

        ClearActor();
        _recreateCause = cause;
        if (!WaitForChildren(Waiting.ToRecreate)) FinishRecreate();
    }

    private void FinishRecreate()
    {
        Exception cause = _recreateCause;
        _recreateCause = null;
        List<ChildRestartStats> survivors = Children.All();
        Mailbox.Resume();
        _perpetrator = null;
        try
        {
            _actor = NewActor();
            _actor.AroundPostRestart(cause, null);
            RestartReceiveTimeout();
        }
        catch (Exception e)
        {
            ClearActor();
            HandleInvokeFailure(new PostRestartException(Self, e, cause), survivors);
            return;
        }

        if (SystemImpl.Settings.DebugLifecycle) Publish(new Debug(Self.Path.ToString(), _actor.GetType(), $"Restarted ({_actor})"));
        foreach (ChildRestartStats child in survivors) child.Child.Restart(cause);
    }

    private void TerminateActor()
    {
        CancelReceiveTimeout();
        Children.Close();
        StopChildren();
        bool already = _waiting == Waiting.ToTerminate;
        if (!already) Mailbox.Suspend();
        if (!WaitForChildren(Waiting.ToTerminate)) FinishTerminate();
    }

    private void FinishTerminate()
    {
        ActorBase actor = _actor;
        try
        {
            actor?.AroundPostStop();
        }
        catch (Exception e)
        {
            Publish(new Error(e, Self.Path.ToString(), actor.GetType(), e.Message));
        }

        if (SystemImpl.Settings.DebugLifecycle && actor is not null) Publish(new Debug(Self.Path.ToString(), actor.GetType(), "Stopped"));
        _waiting = Waiting.ForNothing;
        ClearActor();
        Mailbox.Close();
        Dispatcher.Detach(this);
        Parent.SendSystemMessage(new DeathWatchNotification(Self, existenceConfirmed: true, addressTerminated: false));
        TellWatchersWeDied();
        UnwatchAll();
    }

    private void HandleChildTerminated(IActorRef child)
    {
        if (!Children.Remove(child)) return;
        if (_actor is not null)
        {
            try
            {
                Supervision.HandleChildTerminated(this, child, Children.All().Select(stats => stats.Child));
            }
            catch (Exception e)
            {
                Publish(new Error(e, Self.Path.ToString(), _actor.GetType(), "handling of a terminated child failed"));
            }
        }

        if (_waiting == Waiting.ForNothing || StillWaiting(_waiting)) return;
        Waiting reason = _waiting;
        _waiting = Waiting.ForNothing;
        if (reason == Waiting.ToCreate) FinishCreate();
        else if (reason == Waiting.ToRecreate) FinishRecreate();
        else FinishTerminate();
    }

    private void StopChildren()
    {
        foreach (ChildRestartStats child in Children.All()) Stop(child.Child);
    }

    /// <summary>Notes what is to happen when the stopping children are gone; false if there is nothing to wait for.</summary>
    private bool WaitForChildren(Waiting reason)
    {
        if (!StillWaiting(reason)) return false;
        _waiting = reason;
        return true;
    }

    private bool StillWaiting(Waiting reason) => reason == Waiting.ToTerminate ? !Children.IsEmpty : Children.AnyStopping;

    private void Publish(LogEvent log) => SystemImpl.EventStream.Publish(log);
}
