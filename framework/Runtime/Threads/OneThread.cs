using Akka.Dispatch;

namespace Pipeline.Runtime.Threads;

/// <summary>Runs what it is given on one thread, in order.</summary>
internal sealed class OneThread : ExecutorService
{
    private readonly object gate = new();
    private readonly Queue<IRunnable> waiting = [];
    private bool isShutDown;

    public OneThread(string id)
        : base(id) => new Thread(Run) { IsBackground = true, Name = id }.Start();

    public override void Execute(IRunnable run)
    {
        lock (gate)
        {
            if (isShutDown)
            {
                throw new RejectedExecutionException($"{Id} has been shut down.");
            }

            waiting.Enqueue(run);
            Monitor.Pulse(gate);
        }
    }

    /// <summary>What was given before still runs.</summary>
    public override void Shutdown()
    {
        lock (gate)
        {
            isShutDown = true;
            Monitor.Pulse(gate);
        }
    }

    private void Run()
    {
        while (Next() is { } run)
        {
            run.Run();
        }
    }

    private IRunnable? Next()
    {
        lock (gate)
        {
            while (waiting.Count == 0)
            {
                if (isShutDown)
                {
                    return null;
                }

                Monitor.Wait(gate);
            }

            return waiting.Dequeue();
        }
    }
}
