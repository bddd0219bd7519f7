using System.Diagnostics;
using System.Threading.Channels;
using Akka.Actor;
using Pipeline.Runtime.Stages;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Generation;

/// <summary>The life of one stage in generation: takes pieces from its mailbox, runs them, hands them on. The last stage chooses the tokens and
/// sends each to the first. Runs on a dispatcher with one thread of its own.</summary>
internal sealed class GenerationActor : ReceiveActor, IDisposable
{
    private readonly GenerationSetup setup;
    private readonly Dictionary<int, int> chosen = [];   // tokens of each request, on the last stage
    private GenerationStage? stage;
    private IReadOnlyList<IActorRef> stages = [];

    public GenerationActor(GenerationSetup setup)
    {
        this.setup = setup;
        Receive<StartGeneration>(Start);
        Receive<Piece>(_ => setup.Stop.IsCancellationRequested, piece => piece.Dispose());
        Receive<Piece>(Run);
        Receive<ForgetRequest>(message => stage!.Forget(message.Request));
        Receive<Quieten>(_ => Sender.Tell(new StageQuiet()));
    }

    private bool IsLast => setup.Stage == setup.Plan.Stages - 1;

    public static Props Props(GenerationSetup setup) =>
        Akka.Actor.Props.Create(() => new GenerationActor(setup)).WithDispatcher("stage-dispatcher");

    /// <summary>Whatever goes wrong in a stage ends the run with its reason.</summary>
    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception failure)
        {
            setup.Events.TryWrite(new StageBroken(setup.Stage, setup.Status.ToString(), failure));
            return true;
        }
    }

    public void Dispose() => stage?.Dispose();

    protected override void PostStop() => Dispose();

    private void Start(StartGeneration message)
    {
        stages = message.Stages;
        stage = new(setup.Plan, setup.Stage);
        setup.Status.Set("waiting for tokens");
        setup.Events.TryWrite(new StageReady(setup.Stage));
    }

    private void Run(Piece piece)
    {
        setup.Status.Set($"running position {piece.Position} of prompt {piece.Request + 1}");
        if (!IsLast)
        {
            var output = stage!.Forward(piece.Request, piece.Position, piece.Input);
            stages[setup.Stage + 1].Tell(piece with { Input = output });
        }
        else
        {
            var next = piece.Position + piece.Input.shape[1];
            var logits = stage!.Logits(piece.Request, piece.Position, piece.Input);
            if (piece.IsWhole)
            {
                Choose(piece.Request, next, logits);
            }
        }

        setup.Status.Set("waiting for tokens");
    }

    private void Choose(int request, long position, float[] logits)
    {
        // Rows of the model beyond the tokenizer's tokens are never chosen.
        long token = setup.Sampling.Choose(logits.AsSpan(0, setup.Plan.Vocabulary.Count), request, position);
        var count = chosen[request] = chosen.GetValueOrDefault(request) + 1;
        GenerationEnd? end = token == setup.Plan.Vocabulary.EndOfText ? GenerationEnd.EndOfText
            : count == setup.Tokens ? GenerationEnd.Length
            : position >= setup.Plan.Model.Positions ? GenerationEnd.Context
            : null;
        setup.Events.TryWrite(new TokenChosen(request, token, Stopwatch.GetTimestamp(), end));
        if (end is null)
        {
            stages[0].Tell(new Piece(request, position, tensor([token], [1L, 1L]).DetachFromDisposeScope(), IsWhole: true));
            return;
        }

        foreach (var other in stages)
        {
            other.Tell(new ForgetRequest(request));
        }
    }
}

/// <summary>All that a stage is given.</summary>
/// <param name="Tokens">The most to choose for a request.</param>
/// <param name="Stop">Cancelled when the run ends: what still comes is dropped.</param>
internal sealed record GenerationSetup(
    GenerationPlan Plan,
    int Stage,
    int Tokens,
    Sampling Sampling,
    StageStatus Status,
    ChannelWriter<GenerationEvent> Events,
    CancellationToken Stop);
