using System.Diagnostics;
using System.Runtime.Serialization;
using System.Text;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Coordination;

/// <summary>One end of the link between the coordinator and a process of the run. Its end tells that the peer is gone. While it lasts, through all epochs, it
/// carries what the coordinator, the process and its stages tell each other, in the order in which it was sent: over Akka.Remote a message takes some ten
/// changes of threads, on cores that all compute.</summary>
/// <param name="received">Told each message and its worker, or null where it is the process's, on a thread of the link.</param>
/// <param name="cut">Told why, in one sentence, on a thread of the link.</param>
internal sealed class ControlLine(ControlSerializer serializer, Action<int?, IControlMessage> received, Action<string> cut) : ILinkReceiver
{
    /// <summary>As much as Akka would take.</summary>
    private const long MostBytes = 4 << 20;

    private const int OfWorker = 0;
    private const int OfProcess = 1;

    /// <summary>What this end has to say about a worker, or to it; or about the process where <paramref name="worker"/> is null.</summary>
    public void Send(ITensorLink link, int? worker, IControlMessage message) => link.Send(new Frame(
        0,
        new(0, FrameKind.Control, worker ?? 0, worker is null ? OfProcess : OfWorker),
        [Bytes(Encoding.UTF8.GetBytes(serializer.Manifest(message))), Bytes(serializer.ToBinary(message))],
        Stopwatch.GetTimestamp()));

    /// <exception cref="SerializationException">It carries no control message; the link closes.</exception>
    public void Receive(Frame frame)
    {
        using (frame)
        {
            if (frame.Key.Kind != FrameKind.Control || frame.Payload is not [var manifest, var message])
            {
                throw new SerializationException($"{frame.Key} came where control messages are expected");
            }

            received(
                frame.Key.Index == OfProcess ? null : frame.Key.Stage,
                (IControlMessage)serializer.FromBinary(Bytes(message), Encoding.UTF8.GetString(Bytes(manifest))));
        }
    }

    public void Receive(Credit credit) => throw new SerializationException("a credit came where control messages are expected");

    public void Lost(int worker, string reason) => cut(reason);

    private static Tensor Bytes(ReadOnlySpan<byte> content)
    {
        var tensor = TensorMemory.Allocate(ScalarType.Byte, [content.Length]);
        content.CopyTo(new TensorMemory(tensor).Slice(0, content.Length));
        return tensor;
    }

    private static byte[] Bytes(Tensor tensor) => tensor.dtype == ScalarType.Byte && tensor.numel() <= MostBytes
        ? new TensorMemory(tensor).Slice(0, (int)tensor.numel()).ToArray()
        : throw new SerializationException($"a control message came as {tensor.numel()} elements of {tensor.dtype}");
}
