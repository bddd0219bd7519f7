using Pipeline.Core;
using Pipeline.Core.Faults;
using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.Faults;

/// <summary>Whether the faults that a user asks for can happen in the run.</summary>
internal static class FaultChecks
{
    /// <exception cref="BadInputException">One is not of this job.</exception>
    public static void Check(TrainingPlan plan)
    {
        foreach (var fault in plan.Faults)
        {
            if (fault.Problem(plan.Job) is { } problem)
            {
                throw Refuse(fault, problem);
            }

            if (plan.Resumed?.Manifest.Step is { } begun && fault.Step <= begun)
            {
                throw Refuse(fault, $"step must be above {begun}, the step that the run continues after");
            }
        }
    }

    /// <summary>When it is known where the workers run.</summary>
    /// <exception cref="BadInputException">A frame is to be damaged on the way to another process, and there is none.</exception>
    public static void CheckWires(TrainingPlan plan)
    {
        foreach (var fault in plan.Faults.Where(fault => fault.Kind is FaultKind.Drop or FaultKind.Corrupt))
        {
            var worker = plan.Stages.Workers.Of(fault.Replica, fault.Stage);
            if (!plan.Stages.Links().Any(link => IsWire(plan, link, worker)))
            {
                throw Refuse(fault, $"{plan.Stages.Workers.NameOf(worker)} sends no other process anything; the run must be one of several processes, as with --processes 2");
            }
        }
    }

    private static bool IsWire(TrainingPlan plan, (int Low, int High) link, int worker)
    {
        var (workers, places) = (plan.Stages.Workers, plan.Places);
        return (link.Low == worker || link.High == worker)
            && workers.ReplicaOf(link.Low) == workers.ReplicaOf(link.High)
            && (places[link.Low].Node, places[link.Low].Process) != (places[link.High].Node, places[link.High].Process);
    }

    private static BadInputException Refuse(Fault fault, string problem) => new($"--inject \"{fault}\": {problem}.");
}
