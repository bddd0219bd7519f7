using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>Flushes a folder's entries to disk, so that a rename in it survives a loss of power. Windows does so by itself.</summary>
internal static partial class DirectorySync
{
    private const int Interrupted = 4;
    private const int NotAllowed = 13;
    private const int NotSupported = 22;   // by file systems over a network or in user space

    /// <exception cref="IOException">The disk is broken, or the folder is gone.</exception>
    public static void Flush(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var descriptor = Open(directory, 0);
        if (descriptor < 0 && Marshal.GetLastPInvokeError() == NotAllowed)
        {
            return;   // one may be allowed to write in a folder, and not to open it
        }

        if (descriptor < 0)
        {
            throw new IOException($"{directory} cannot be opened: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}.");
        }

        try
        {
            int failed;
            do
            {
                failed = Sync(descriptor);
            }
            while (failed != 0 && Marshal.GetLastPInvokeError() == Interrupted);

            if (failed != 0 && Marshal.GetLastPInvokeError() != NotSupported)
            {
                throw new IOException($"{directory} cannot be flushed: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}.");
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
