using Pipeline.Runtime.TensorPlane;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Recovery;

/// <summary>Puts snapshots together that another process sends over a link. What comes is checked against what its header announces before the snapshot counts.</summary>
/// <param name="workers">Whose snapshots may come.</param>
/// <param name="mostBytes">That a worker's snapshot can have.</param>
/// <param name="arrived">Takes each, whole; on a thread of the link.</param>
/// <param name="lost">Told why nothing more will come.</param>
internal sealed class SnapshotReceiver(IReadOnlySet<int> workers, long mostBytes, Action<Snapshot> arrived, Action<string> lost) : ILinkReceiver, IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<int, Assembly> assemblies = [];   // by worker
    private bool isDisposed;

    /// <exception cref="InvalidDataException">It belongs to no snapshot that can come; the link closes.</exception>
    public void Receive(Frame frame)
    {
        Snapshot? whole;
        lock (gate)
        {
            var (step, kind, worker, index) = frame.Key;
            if (isDisposed)
            {
                frame.Dispose();
                return;
            }

            if (kind != FrameKind.Snapshot || !workers.Contains(worker))
            {
                frame.Dispose();
                throw new InvalidDataException($"{frame.Key} came where snapshots of other workers are expected");
            }

            if (!assemblies.TryGetValue(worker, out var assembly) || assembly.Step != step)
            {
                assembly?.Dispose();   // the sender has begun a newer one
                assemblies[worker] = assembly = new(worker, step, mostBytes);
            }

            whole = assembly.Take(index, frame);
            if (whole is not null)
            {
                assemblies.Remove(worker);
            }
        }

        if (whole is not null)
        {
            arrived(whole);
        }
    }

    public void Receive(Credit credit) => throw new InvalidDataException("a credit came where snapshots are expected");

    public void Lost(int worker, string reason) => lost(reason);

    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
            foreach (var assembly in assemblies.Values)
            {
                assembly.Dispose();
            }

            assemblies.Clear();
        }
    }

    private sealed class Assembly(int worker, long step, long mostBytes) : IDisposable
    {
        private readonly Dictionary<int, Tensor> pieces = [];   // by index
        private IReadOnlyList<SnapshotTensor>? announced;
        private int expected;
        private long bytes;

        public long Step => step;

        /// <returns>The snapshot with its last piece.</returns>
        public Snapshot? Take(int index, Frame frame)
        {
            var piece = frame.Payload is [var only] ? only : null;
            bytes += piece is null ? 0 : piece.numel() * piece.ElementSize;
            if (piece is null || bytes > mostBytes || !pieces.TryAdd(index, piece))
            {
                frame.Dispose();
                throw new InvalidDataException($"{frame.Key} came twice, or with more than {mostBytes} bytes, or with other than one tensor");
            }

            if (index == 0)
            {
                announced = SnapshotFrames.ReadHeader(piece);
                expected = announced.Sum(tensor => SnapshotFrames.Pieces(tensor).Count()) + 1;
            }

            return announced is not null && pieces.Count == expected ? Whole(announced) : null;
        }

        public void Dispose()
        {
            foreach (var piece in pieces.Values)
            {
                piece.Dispose();
            }

            pieces.Clear();
        }

        private Snapshot Whole(IReadOnlyList<SnapshotTensor> tensors)
        {
            var index = 1;
            SnapshotTensor[] filled = [.. tensors.Select(tensor => tensor with { Pieces = [.. SnapshotFrames.Pieces(tensor).Select(part => Piece(tensor, part.End - part.Start, index++))] })];
            pieces.Remove(0, out var header);
            header!.Dispose();
            return new(worker, step, filled);
        }

        private Tensor Piece(SnapshotTensor tensor, long elements, int index) =>
            pieces.TryGetValue(index, out var piece) && piece.dtype == tensor.Type && piece.numel() == elements
                ? piece
                : throw new InvalidDataException($"a piece of {tensor.Name} in the snapshot of step {step} is not as its header says");
    }
}
