using Akka.Configuration;
using Akka.Dispatch;

namespace Pipeline.Runtime.Threads;

/// <summary>Gives each actor an operating-system thread of its own, which sleeps until there is a message: libtorch's settings, scopes and streams are
/// per thread. Akka's pinned dispatcher does the first, but its threads spin for a while after each message, on cores that other stages need.</summary>
public sealed class OwnThreadDispatcher(Config config, IDispatcherPrerequisites prerequisites) : MessageDispatcherConfigurator(config, prerequisites)
{
    /// <summary>A new one for each actor.</summary>
    public override MessageDispatcher Dispatcher() => new Dispatcher(
        this,
        Config.GetString("id"),
        Config.GetInt("throughput"),
        throughputDeadlineTime: null,
        new OneThreadFactory(Config, Prerequisites),
        Config.GetTimeSpan("shutdown-timeout"));

    private sealed class OneThreadFactory(Config config, IDispatcherPrerequisites prerequisites) : ExecutorServiceConfigurator(config, prerequisites)
    {
        public override ExecutorService Produce(string id) => new OneThread(id);
    }
}
