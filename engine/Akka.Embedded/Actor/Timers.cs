using Akka.Actor.Internal;

namespace Akka.Actor
{
    /// <summary>Timers of one actor, by key. Once a timer is cancelled or started anew, its old message is never handled.</summary>
    public interface ITimerScheduler
    {
        void StartPeriodicTimer(object key, object msg, TimeSpan interval);
        void StartPeriodicTimer(object key, object msg, TimeSpan interval, IActorRef sender);
        void StartPeriodicTimer(object key, object msg, TimeSpan initialDelay, TimeSpan interval);
        void StartPeriodicTimer(object key, object msg, TimeSpan initialDelay, TimeSpan interval, IActorRef sender);
        void StartSingleTimer(object key, object msg, TimeSpan timeout);
        void StartSingleTimer(object key, object msg, TimeSpan timeout, IActorRef sender);
        bool IsTimerActive(object key);
        void Cancel(object key);
        void CancelAll();
        IReadOnlyCollection<object> ActiveTimers { get; }
    }

    /// <summary>An actor with timers, which the engine sets after its constructor.</summary>
    public interface IWithTimers
    {
        ITimerScheduler Timers { get; set; }
    }
}

namespace Akka.Actor.Internal
{
    internal sealed class TimerScheduler(ActorCell cell) : ITimerScheduler
    {
        private readonly Dictionary<object, TimerMessage> _timers = [];

        public IReadOnlyCollection<object> ActiveTimers => _timers.Keys;
        public bool IsTimerActive(object key) => _timers.ContainsKey(key);

        public void StartPeriodicTimer(object key, object msg, TimeSpan interval) => StartPeriodicTimer(key, msg, interval, ActorRefs.NoSender);

        public void StartPeriodicTimer(object key, object msg, TimeSpan interval, IActorRef sender) =>
            Start(key, msg, interval, interval, sender);

        public void StartPeriodicTimer(object key, object msg, TimeSpan initialDelay, TimeSpan interval) =>
            StartPeriodicTimer(key, msg, initialDelay, interval, ActorRefs.NoSender);

        public void StartPeriodicTimer(object key, object msg, TimeSpan initialDelay, TimeSpan interval, IActorRef sender) =>
            Start(key, msg, initialDelay, interval, sender);

        public void StartSingleTimer(object key, object msg, TimeSpan timeout) => StartSingleTimer(key, msg, timeout, ActorRefs.NoSender);
        public void StartSingleTimer(object key, object msg, TimeSpan timeout, IActorRef sender) => Start(key, msg, timeout, null, sender);

        public void Cancel(object key)
        {
            if (_timers.Remove(key, out TimerMessage timer)) timer.Task.Cancel();
        }

        public void CancelAll()
        {
            foreach (TimerMessage timer in _timers.Values) timer.Task.Cancel();
            _timers.Clear();
        }

        /// <summary>The timer's message if this very timer is still set, else null.</summary>
        public object Unwrap(TimerMessage timer)
        {
            if (!_timers.TryGetValue(timer.Key, out TimerMessage active) || !ReferenceEquals(active, timer)) return null;
            if (!timer.Repeats) _timers.Remove(timer.Key);
            return timer.Message;
        }

        private void Start(object key, object message, TimeSpan delay, TimeSpan? interval, IActorRef sender)
        {
            ArgumentNullException.ThrowIfNull(message);
            Cancel(key);
            var timer = new TimerMessage(key, message, interval is not null, new Cancelable(cell.System.Scheduler));
            if (interval is { } period) cell.System.Scheduler.ScheduleTellRepeatedly(delay, period, cell.Self, timer, sender, timer.Task);
            else cell.System.Scheduler.ScheduleTellOnce(delay, cell.Self, timer, sender, timer.Task);
            _timers[key] = timer;
        }

        /// <summary>What the scheduler tells the actor: the object itself is the timer's generation.</summary>
        internal sealed record TimerMessage(object Key, object Message, bool Repeats, ICancelable Task)
            : IAutoReceivedMessage, INoSerializationVerificationNeeded, Akka.Event.IDeadLetterSuppression;
    }
}
