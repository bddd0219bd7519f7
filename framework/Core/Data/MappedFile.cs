using System.IO.MemoryMappedFiles;

namespace Pipeline.Core.Data;

/// <summary>A file mapped into memory: any part of it without loading the rest. Reading is safe from several threads.</summary>
public sealed class MappedFile : IDisposable
{
    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;

    /// <param name="path">A file that is not empty.</param>
    public MappedFile(string path)
    {
        Length = new FileInfo(path).Length;
        file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        view = file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
    }

    public long Length { get; }

    /// <summary>Copies bytes from <paramref name="offset"/> on; returns how many there were.</summary>
    public int Read(long offset, Span<byte> bytes)
    {
        var count = (int)Math.Min(bytes.Length, Length - offset);
        view.SafeMemoryMappedViewHandle.ReadSpan((ulong)(view.PointerOffset + offset), bytes[..count]);
        return count;
    }

    public void Dispose()
    {
        view.Dispose();
        file.Dispose();
    }
}
