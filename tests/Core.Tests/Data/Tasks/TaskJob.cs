using Pipeline.Core.Data;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Tests.Data.Tasks;

/// <summary>Jobs on generated data, and what their samples read.</summary>
internal static class TaskJob
{
    public static JobFile Of(DataSettings data, int sequences = 12, int microBatches = 1, long seed = 1) => new(
        new JobSettings(Seed: seed), new Model(), data, new BatchSettings(sequences, microBatches), new(), new(), new(), new(), new(), new());

    public static string? Problem(DataSettings data) => data.Problems(Of(data)).FirstOrDefault();

    /// <summary>One step of a job: inputs and targets of each sequence.</summary>
    public static IReadOnlyList<(T[] Inputs, T[] Targets)> Step<T>(DataSettings data, bool validation, long step, int sequences = 12, int microBatches = 1, long seed = 1)
    {
        using var opened = data.Open(".");
        var samples = (ISamples<T>)opened.Samples(Of(data, sequences, microBatches, seed));
        return [.. Enumerable.Range(0, microBatches).SelectMany(microBatch =>
        {
            var inputs = new T[samples.SequencesPerMicroBatch * samples.Context];
            var targets = new T[samples.SequencesPerMicroBatch * samples.Outputs];
            samples.Read(validation, step, microBatch, targets: false, inputs);
            samples.Read(validation, step, microBatch, targets: true, targets);
            return inputs.Chunk(samples.Context).Zip(targets.Chunk(samples.Outputs));
        })];
    }

    private sealed record Model() : ModelSettings("test", 1, 1, Context: 1);
}
