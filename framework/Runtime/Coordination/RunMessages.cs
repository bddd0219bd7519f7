namespace Pipeline.Runtime.Coordination;

/// <summary>Create the stages and train.</summary>
internal sealed class StartRun
{
    public static readonly StartRun Instance = new();
}

/// <summary>End the run cleanly after the step under way.</summary>
internal sealed class StopRun
{
    public static readonly StopRun Instance = new();
}

/// <summary>Time to look whether the stages still move.</summary>
internal sealed class LookForStall
{
    public static readonly LookForStall Instance = new();
}

/// <summary>End the stages; answered with <see cref="StagesEnded"/>.</summary>
internal sealed class EndStages
{
    public static readonly EndStages Instance = new();
}

internal sealed class StagesEnded
{
    public static readonly StagesEnded Instance = new();
}
