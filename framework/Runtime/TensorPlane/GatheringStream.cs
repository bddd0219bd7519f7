using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>A socket's bytes, with writes and reads of several pieces of memory in one call: headers and payloads cost one trip to the kernel, and
/// none is copied to lie behind another. .NET's own calls of this kind take managed arrays only.</summary>
internal sealed unsafe partial class GatheringStream(Socket socket) : NetworkStream(socket)
{
    private const int Interrupted = 4;   // EINTR
    private const int MostPieces = 1024;   // IOV_MAX

    /// <summary>The system has these calls under the names used here.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    /// <summary>Writes all pieces, one after another. Their memory must stay where it is until then.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public void Write(Span<MemoryPiece> pieces)
    {
        fixed (MemoryPiece* all = pieces)
        {
            for (var next = 0; next < pieces.Length;)
            {
                var written = Check(writev(Socket.SafeHandle, all + next, Math.Min(pieces.Length - next, MostPieces)));
                for (; written > 0 && written >= all[next].Length; next++)
                {
                    written -= all[next].Length;
                }

                if (written > 0)
                {
                    all[next] = all[next].From(written);
                }
            }
        }
    }

    /// <summary>Reads what is there, at least one byte: into the first, and what is left over into the second.</summary>
    /// <returns>How many bytes.</returns>
    /// <exception cref="IOException">The connection broke.</exception>
    public int Read(Span<byte> first, Span<byte> second)
    {
        fixed (byte* head = first, body = second)
        {
            var pieces = stackalloc MemoryPiece[] { new(head, first.Length), new(body, second.Length) };
            nint count;
            do
            {
                count = Check(readv(Socket.SafeHandle, pieces, 2));
            }
            while (count < 0);
            return count > 0 ? (int)count : throw new EndOfStreamException("it broke off in the middle of a message");
        }
    }

    /// <returns>How many bytes; -1 where a signal came between.</returns>
    private static nint Check(nint count) => count >= 0 ? count
        : Marshal.GetLastPInvokeError() == Interrupted ? -1
        : throw new IOException(Marshal.GetLastPInvokeErrorMessage());

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint writev(SafeSocketHandle socket, MemoryPiece* pieces, int count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint readv(SafeSocketHandle socket, MemoryPiece* pieces, int count);
}
