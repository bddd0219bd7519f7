using Akka.Actor;
using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Generation;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Evaluation;

/// <summary>Measures a trained model's loss as its training does: the same stages, samples and order of adding up, so the loss of the training's
/// own validation batches is the same to the last bit.</summary>
public sealed class EvaluationRun : IDisposable
{
    private static readonly TimeSpan TerminationLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    /// <summary>An imported model's context is the longest that it can take, not what one measures at.</summary>
    private const int MostOfImport = 1024;

    private readonly TrainedModel model;
    private readonly IReadOnlyList<Device> devices;
    private readonly Corpus corpus;
    private readonly StagePlan plan;
    private readonly int batches;

    /// <param name="files">Patterns, relative to the working directory, of files that are evaluated whole; the validation part of the training's data
    /// without them.</param>
    /// <param name="batches">As in the training without it.</param>
    /// <param name="context">Tokens of a sequence; as in the training without it, and of an imported model at most 1024.</param>
    /// <exception cref="BadInputException">The data are not there, are not what they were, or do not fit the model.</exception>
    public EvaluationRun(TrainedModel model, IReadOnlyList<string>? files, int? stages, string? device, int? batches, int? context = null)
    {
        this.model = model;
        this.batches = batches ?? model.Job.Evaluation.Batches;
        (var cuts, devices) = model.Place(stages, device);
        var tokenizer = model.Vocabulary.Tokenizer ?? throw new BadInputException(model.Vocabulary.Problem ??
            "The model has no tokenizer, so no text can be evaluated; one comes along when a model is imported from a folder that has its files.");
        var isImport = model.Checkpoint.Manifest.IsImport;
        if (files is null && isImport)
        {
            throw new BadInputException("The model was imported and has no data of its own; name files with --data.");
        }

        var length = context ?? (isImport ? Math.Min(model.Job.Model.Context, MostOfImport) : model.Job.Model.Context);
        if (length > model.Definition.Positions)
        {
            throw new BadInputException($"--context must be at most {model.Definition.Positions}, the model's learned positions, not {length}.");
        }

        var job = model.Job with
        {
            Model = model.Job.Model with { Context = length },
            Batch = isImport ? new(Sequences: 4, MicroBatches: 4) : model.Job.Batch,
            Data = model.Job.Data with { Tokenizer = tokenizer },
            // The layout changes no bit. Losses are floats added up in double precision, exactly, so neither does their order over replicas.
            Parallel = new ParallelSettings(cuts.Count, "gpipe", ThreadsPerStage: model.Job.Parallel.ThreadsPerStage),
            Evaluation = model.Job.Evaluation with { BeforeFirstStep = true },   // the validation part is needed
            Optimizer = new(),   // averages are read as the parameters
        };
        var manifest = model.Checkpoint.Manifest;
        if (files is null)
        {
            var folder = manifest.Folder is { } then && Directory.Exists(then) ? then : Directory.GetCurrentDirectory();
            corpus = new(job.Data, folder, manifest.Data);
        }
        else
        {
            job = job with { Data = job.Data with { Files = files, ValidationFraction = 1 } };
            corpus = new(job.Data, Directory.GetCurrentDirectory(), manifest.Characters);   // the tokenizer's path is whole
        }

        try
        {
            if (job.Data.ValidationFraction == 0)
            {
                throw new BadInputException("The training kept no data for validation (data.validation-fraction is 0); name files with --data.");
            }

            var schedule = ScheduleCatalog.Create(job.Parallel.Schedule, cuts.Count, 1, job.Batch.MicroBatches);
            plan = new(job, schedule, new(model.Definition, cuts), new Samples(corpus, job), null);
        }
        catch
        {
            corpus.Dispose();
            throw;
        }
    }

    public int Stages => devices.Count;

    /// <summary>Tokens of a sequence.</summary>
    public int Context => plan.Job.Model.Context;

    /// <exception cref="StageException">A stage has failed, or stands still.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public async Task<EvaluationResult> RunAsync(CancellationToken stop)
    {
        var system = ActorSystem.Create("pipeline", TrainingRun.Settings());
        system.ActorOf(FrameReaper.Props());
        var host = system.ActorOf(StageHostActor.Props(new(plan, devices.Index().ToDictionary(entry => entry.Index, entry => entry.Item), CreateExecutor, null)), "host");
        var outcome = new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously);
        system.ActorOf(EvaluationActor.Props(plan, host, batches, outcome), "coordinator");
        try
        {
            var tokens = plan.Job.TokensPerMicroBatch * plan.Job.Batch.MicroBatches * batches;
            var loss = await outcome.Task.WaitAsync(stop) / tokens;
            return new(loss, tokens, batches, model.Vocabulary.Bytes is { } bytes ? loss / Math.Log(2) * tokens / CountBytes(bytes) : null);
        }
        finally
        {
            await host.Ask<StagesEnded>(new EndStages(long.MaxValue), StopLimit, CancellationToken.None).ContinueWith(_ => { }, TaskScheduler.Default);
            await system.Terminate().WaitAsync(TerminationLimit, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose() => corpus.Dispose();

    /// <summary>As a training's, with the parameters alone from the checkpoint: the optimizer's state has no part in a loss.</summary>
    private StageExecutor CreateExecutor(int worker, int stage, Device device)
    {
        set_num_threads(plan.Job.Parallel.ThreadsPerStage);
        var executor = new StageExecutor(plan, stage, 0, device);
        try
        {
            using var reader = model.Checkpoint.Read();
            var parameters = model.Definition.Parameters.Select(parameter => parameter.Name).ToHashSet(StringComparer.Ordinal);
            executor.Restore((name, value) =>
            {
                if (parameters.Contains(name))
                {
                    reader.ReadTrainedInto(name, value);
                }
            });
            return executor;
        }
        catch
        {
            executor.Dispose();
            throw;
        }
    }

    /// <summary>Of the text that the target tokens stand for.</summary>
    private long CountBytes(Func<long, int> bytes)
    {
        var (samples, sum) = (plan.Samples!, 0L);
        var tokens = new long[samples.TokensPerMicroBatch];
        for (var index = 0; index < batches * plan.Job.Batch.MicroBatches; index++)
        {
            samples.Read(validation: true, index / plan.Job.Batch.MicroBatches, index % plan.Job.Batch.MicroBatches, targets: true, tokens);
            sum += tokens.Sum(token => (long)bytes(token));
        }

        return sum;
    }
}

/// <param name="Loss">Nats per token.</param>
/// <param name="Tokens">Target tokens.</param>
/// <param name="Batches">Of the job's size.</param>
/// <param name="BitsPerByte">Null where it is not known how many bytes a token stands for.</param>
public sealed record EvaluationResult(double Loss, long Tokens, int Batches, double? BitsPerByte)
{
    public double Perplexity => Math.Exp(Loss);
}
