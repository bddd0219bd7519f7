using Akka.Actor;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Generation;

/// <summary>To a stage: build your layers; these are all stages.</summary>
internal sealed record StartGeneration(IReadOnlyList<IActorRef> Stages);

/// <summary>From stage to stage: the next tokens of a request. The tensor becomes the receiver's.</summary>
/// <param name="Position">Of the first token.</param>
/// <param name="Input">Token ids (1, length) for the first stage, hidden values (1, length, ...) for others.</param>
/// <param name="IsWhole">The request's tokens so far end here, so the last stage chooses the next.</param>
internal sealed record Piece(int Request, long Position, Tensor Input, bool IsWhole) : IDisposable
{
    public void Dispose() => Input.Dispose();
}

/// <summary>From the last stage to all: the request has ended.</summary>
internal sealed record ForgetRequest(int Request);

// From the stages to the run.

internal abstract record GenerationEvent;

internal sealed record StageReady(int Stage) : GenerationEvent;

/// <param name="At">Stopwatch ticks.</param>
/// <param name="End">Null while the request goes on.</param>
internal sealed record TokenChosen(int Request, long Token, long At, GenerationEnd? End) : GenerationEvent;

/// <param name="Doing">What the stage was doing.</param>
internal sealed record StageBroken(int Stage, string Doing, Exception Failure) : GenerationEvent;
