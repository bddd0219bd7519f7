using Akka.Actor;
using Akka.Event;

namespace Pipeline.Runtime.Coordination;

/// <summary>Disposes the tensors of frames that reached no one.</summary>
internal sealed class FrameReaper : ReceiveActor
{
    public FrameReaper() => Receive<DeadLetter>(letter => (letter.Message as IDisposable)?.Dispose());

    public static Props Props() => Akka.Actor.Props.Create(() => new FrameReaper());

    protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(DeadLetter));
}
