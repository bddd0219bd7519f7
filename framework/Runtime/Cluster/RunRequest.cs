using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.Cluster;

/// <summary>What a terminal wants, and what it knows of it.</summary>
internal sealed class RunRequest
{
    /// <summary>Null where the terminal attaches to a run.</summary>
    public SubmitRun? Submission { get; init; }

    /// <summary>Not needed any more when the run has begun.</summary>
    public StorageProbe? Probe { get; init; }

    /// <summary>Its name or directory.</summary>
    public string? Name { get; init; }

    /// <summary>Not to be waited for once it has begun.</summary>
    public bool Detaches { get; init; }

    /// <summary>To be ended cleanly once it is found.</summary>
    public bool Stops { get; init; }

    /// <summary>The run is not known to have begun.</summary>
    public bool Submits { get; set; }

    /// <summary>The run's secret.</summary>
    public Guid? Run { get; set; }

    public RunPlan? Plan { get; set; }

    /// <summary>The name of the node that has the coordinator; null until it is known.</summary>
    public string? Node { get; set; }

    /// <summary>HOST:PORT of the cluster's nodes.</summary>
    public IReadOnlyList<string> Members { get; set; } = [];
}
