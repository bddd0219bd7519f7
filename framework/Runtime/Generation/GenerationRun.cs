using System.Diagnostics;
using System.Threading.Channels;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Generation;

/// <summary>Writes texts with a trained model through stage actors, all in this process. Each prompt is a request of its own that travels through
/// the stages, so several keep all stages at work, and none depends on the others.</summary>
public sealed class GenerationRun
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TerminationLimit = TimeSpan.FromSeconds(10);

    /// <summary>Generous: a stage ends after the piece it is in.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    private readonly GenerationPlan plan;
    private readonly IReadOnlyList<IReadOnlyList<long>> prompts;
    private readonly IGenerationObserver observer;
    private readonly Progress[] progress;
    private readonly StageStatus[] statuses;
    private readonly Channel<GenerationEvent> events = Channel.CreateUnbounded<GenerationEvent>();
    private IActorRef[] stages = [];
    private readonly long began = Stopwatch.GetTimestamp();
    private long loaded = Stopwatch.GetTimestamp();
    private int started;
    private int ended;

    private GenerationRun(GenerationPlan plan, IReadOnlyList<IReadOnlyList<long>> prompts, IGenerationObserver observer)
    {
        (this.plan, this.prompts, this.observer) = (plan, prompts, observer);
        progress = [.. prompts.Select(_ => new Progress())];
        statuses = [.. plan.Cuts.Select(_ => new StageStatus())];
    }

    /// <param name="prompts">Token ids.</param>
    /// <param name="tokens">The most to write behind each prompt.</param>
    /// <param name="stop">Ends the run; what has been written is returned.</param>
    /// <exception cref="BadInputException">The model is not causal, a prompt does not fit it, or the checkpoint does not.</exception>
    /// <exception cref="StageException">A stage has failed, or stands still.</exception>
    public static async Task<GenerationResult> RunAsync(
        GenerationPlan plan, IReadOnlyList<IReadOnlyList<long>> prompts, int tokens, Sampling sampling, IGenerationObserver observer, CancellationToken stop)
    {
        Check(plan, prompts);
        var run = new GenerationRun(plan, prompts, observer);
        var system = ActorSystem.Create("pipeline", TrainingRun.Settings());
        system.ActorOf(FrameReaper.Props());
        using var over = new CancellationTokenSource();
        run.stages = [.. run.statuses.Select((status, stage) => system.ActorOf(
            GenerationActor.Props(new(plan, stage, tokens, sampling, status, run.events.Writer, over.Token)), $"stage-{stage}"))];
        try
        {
            await run.GenerateAsync(stop);
            return new(
                [.. run.progress.Select(one => one.Result(GenerationEnd.Interrupted))],
                Stopwatch.GetElapsedTime(run.began, run.loaded).TotalSeconds,
                Stopwatch.GetElapsedTime(run.loaded).TotalSeconds);
        }
        finally
        {
            await over.CancelAsync();
            await run.EndStagesAsync();
            await system.Terminate().WaitAsync(TerminationLimit, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <exception cref="BadInputException">The model is not causal, or a prompt does not fit it.</exception>
    private static void Check(GenerationPlan plan, IReadOnlyList<IReadOnlyList<long>> prompts)
    {
        if (!plan.Model.IsCausal)
        {
            throw new BadInputException("The model sees all of its input at once, so it cannot write a text token by token; only a causal model can.");
        }

        foreach (var (index, prompt) in prompts.Index())
        {
            var name = prompts.Count == 1 ? "The prompt" : $"Prompt {index + 1}";
            if (prompt.Count == 0)
            {
                throw new BadInputException($"{name} is empty; the model needs at least one token to go on from.");
            }

            if (prompt.Any(id => id < 0 || id >= plan.Vocabulary.Count))
            {
                throw new BadInputException(
                    $"{name} has the token {prompt.First(id => id < 0 || id >= plan.Vocabulary.Count)}; the model's tokens are 0 to {plan.Vocabulary.Count - 1}.");
            }

            if (prompt.Count > plan.Model.Positions)
            {
                throw new BadInputException($"{name} has {prompt.Count} tokens; the model has learned positions for {plan.Model.Positions} and cannot read more.");
            }
        }
    }

    private async Task GenerateAsync(CancellationToken stop)
    {
        foreach (var stage in stages)
        {
            stage.Tell(new StartGeneration(stages));
        }

        var ready = 0;
        while (ended < prompts.Count && await NextAsync(stop) is { } happened)
        {
            switch (happened)
            {
                case StageReady when ++ready == stages.Length:
                    loaded = Stopwatch.GetTimestamp();
                    // Two a stage keep all stages at work; more would only hold caches.
                    for (var first = Math.Min(2 * stages.Length, prompts.Count); first > 0; first--)
                    {
                        Begin();
                    }

                    break;
                case TokenChosen chosen:
                    Take(chosen);
                    break;
                case StageBroken { Failure: BadInputException problem }:
                    throw new BadInputException(problem.Message, problem);
                case StageBroken broken:
                    throw new StageException($"Stage {broken.Stage} failed while {broken.Doing}: {FailureSentence.Of(broken.Failure)}");
            }
        }
    }

    /// <returns>Null when the run is to stop.</returns>
    /// <exception cref="StageException">Nothing has happened for too long.</exception>
    private async Task<GenerationEvent?> NextAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            if (events.Reader.TryRead(out var happened))
            {
                return happened;
            }

            using var wait = CancellationTokenSource.CreateLinkedTokenSource(stop);
            wait.CancelAfter(LookInterval);
            await ((Task)events.Reader.WaitToReadAsync(wait.Token).AsTask()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var quiet = statuses.Min(status => Stopwatch.GetElapsedTime(status.Since));
            if (quiet > plan.Patience && events.Reader.Count == 0)
            {
                throw new StageException(
                    $"Nothing has finished for {quiet.TotalSeconds:F0} s: {string.Join("; ", statuses.Select((status, stage) => $"stage {stage} is {status}"))}.");
            }
        }

        return null;
    }

    private void Take(TokenChosen chosen)
    {
        var one = progress[chosen.Request];
        one.Take(chosen);
        if (chosen.End != GenerationEnd.EndOfText)   // which is no text
        {
            observer.Token(chosen.Request, chosen.Token);
        }

        if (chosen.End is { } end)
        {
            ended++;
            observer.Ended(chosen.Request, one.Result(end));
            Begin();
        }
    }

    /// <summary>Sends the next prompt, where there is one, on its way.</summary>
    private void Begin()
    {
        if (started == prompts.Count)
        {
            return;
        }

        var (request, prompt) = (started++, prompts[started - 1]);
        progress[request].Begin();
        for (var position = 0; position < prompt.Count; position += plan.PieceLength)
        {
            var ids = prompt.Skip(position).Take(plan.PieceLength).ToArray();
            stages[0].Tell(new Piece(
                request, position, tensor(ids, [1L, ids.Length]).DetachFromDisposeScope(), position + ids.Length == prompt.Count));
        }
    }

    /// <summary>In two rounds, so that no tensor is lost: when every stage has answered none sends any more, and the end of each comes behind all
    /// that was sent to it.</summary>
    private async Task EndStagesAsync()
    {
        await Task.WhenAll(stages.Select(Task (stage) => stage.Ask<StageQuiet>(new Quieten(0), StopLimit))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.WhenAll(stages.Select(Task (stage) => stage.GracefulStop(StopLimit))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>How far a request has come.</summary>
    private sealed class Progress
    {
        private readonly List<long> tokens = [];
        private readonly List<double> seconds = [];
        private long last;
        private GenerationEnd? end;

        public void Begin() => last = Stopwatch.GetTimestamp();

        public void Take(TokenChosen chosen)
        {
            tokens.Add(chosen.Token);
            seconds.Add(Stopwatch.GetElapsedTime(last, chosen.At).TotalSeconds);
            (last, end) = (chosen.At, chosen.End);
        }

        public Generated Result(GenerationEnd otherwise) => new(tokens, end ?? otherwise, seconds.Count == 0 ? null : seconds[0], [.. seconds.Skip(1)]);
    }
}
