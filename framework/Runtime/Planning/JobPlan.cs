using Pipeline.Core;
using Pipeline.Core.Partitioning;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Jobs;

namespace Pipeline.Runtime.Planning;

/// <summary>One way to run a job.</summary>
/// <param name="Chunks">Pieces of the model on each stage actor.</param>
/// <param name="Prediction">Null where it cannot be run.</param>
/// <param name="Problem">Why not; a sentence without its full stop.</param>
public sealed record PlannedSchedule(string Name, int Chunks, StepPrediction? Prediction, string? Problem);

/// <summary>Every schedule's prediction for a job, and the best of them.</summary>
public sealed class JobPlan
{
    private JobPlan(IReadOnlyList<PlannedSchedule> schedules) => Schedules = schedules;

    public IReadOnlyList<PlannedSchedule> Schedules { get; }

    /// <summary>The shortest predicted step; of those within a thousandth the one that takes least memory. Null where nothing can be run.</summary>
    public PlannedSchedule? Recommended
    {
        get
        {
            var possible = Schedules.Where(schedule => schedule.Prediction is not null).ToArray();
            return possible.Length == 0 ? null : possible
                .Where(schedule => schedule.Prediction!.Simulation.Makespan <= 1.001 * possible.Min(other => other.Prediction!.Simulation.Makespan))
                .MinBy(schedule => schedule.Prediction!.Bytes.Max());
        }
    }

    public static JobPlan Of(OpenedJob opened, JobLayout layout)
    {
        var (stages, layers, microBatches) = (opened.Job.Parallel.Stages, opened.Job.Model.Layers, opened.Job.MicroBatchesPerReplica);
        var schedules = ScheduleCatalog.Names.Select(Named).ToList();
        if (opened.Job.Parallel.Schedule == CustomSchedule.Name)
        {
            schedules.Add(Planned(CustomSchedule.Name, layout.Schedule()));
        }

        try
        {
            schedules.Add(Planned(AutomaticSchedule.Name, layout.Automatic()));
        }
        catch (BadInputException problem)
        {
            schedules.Add(new(AutomaticSchedule.Name, 1, null, problem.Message.TrimEnd('.')));
        }

        return new(schedules);

        PlannedSchedule Named(string name)
        {
            var chunks = layout.ChunksFor(name);
            var problem = ScheduleCatalog.Problem(name, stages, chunks, microBatches)
                ?? (stages * chunks > layers ? $"{stages} x {chunks} chunks are more pieces than the model's {layers} layers" : null);
            return problem is null ? Planned(name, layout.Named(name)) : new(name, chunks, null, problem);
        }

        PlannedSchedule Planned(string name, Schedule schedule) => layout.Planner.Predict(schedule) is { } prediction
            ? new(name, schedule.StagesOf[0].Count, prediction, null)
            : new(name, schedule.StagesOf[0].Count, null, $"no cut of the layers was found that fits in {opened.Job.Parallel.MemoryLimit} a stage");
    }
}
