using Akka.Actor;
using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.Cluster;

/// <summary>A run that the runs actor has, from its submission until it is forgotten.</summary>
internal sealed class HostedRun(SubmittedRun submitted)
{
    /// <summary>As many as a picture of the losses shows.</summary>
    public const int MostRecent = 60;

    private readonly Queue<StepMetrics> recent = [];
    private readonly List<StepMetrics> unsent = [];
    private StepMetrics? last;

    public SubmittedRun Submitted => submitted;

    public Guid Id => submitted.Run;

    /// <summary>Of the job.</summary>
    public string Name => submitted.Name;

    /// <summary>Asks for a clean end.</summary>
    public CancellationTokenSource Stop { get; } = new();

    /// <summary>Leaves the run to another coordinator.</summary>
    public CancellationTokenSource Abandon { get; } = new();

    /// <summary>Those who are told of the run.</summary>
    public HashSet<IActorRef> Terminals { get; } = [];

    /// <summary>Null until the run has begun.</summary>
    public IReadOnlyList<WorkerPlace>? Places { get; set; }

    /// <summary>What happened before it had begun.</summary>
    public List<RunHappening> Early { get; } = [];

    /// <summary>How it ended: <see cref="RunOver"/> or <see cref="RunFailed"/>; null while it goes on.</summary>
    public IControlMessage? End { get; set; }

    public bool IsSettled { get; set; }   // nothing of it runs here any more

    /// <param name="isNew">Terminals do not know it yet.</param>
    public void Add(StepMetrics step, bool isNew = true)
    {
        if (last is not null)
        {
            recent.Enqueue(last with { Stages = [] });
        }

        last = step;
        if (isNew)
        {
            unsent.Add(step);
        }

        if (recent.Count >= MostRecent)
        {
            recent.Dequeue();
        }
    }

    /// <summary>The newest steps, all but the last without their stages.</summary>
    public IReadOnlyList<StepMetrics> Recent => last is null ? [] : [.. recent, last];

    public void Tell(IControlMessage message)
    {
        foreach (var terminal in Terminals)
        {
            terminal.Tell(message);
        }
    }

    /// <summary>Steps go out together: they may be many a second.</summary>
    public void SendSteps()
    {
        if (unsent.Count > 0)
        {
            Tell(new RunSteps(Id, [.. unsent]));
            unsent.Clear();
        }
    }
}
