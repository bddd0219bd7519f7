using System.Text;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Tests.Data;

/// <summary>A folder of data files that lives as long as its test.</summary>
internal sealed class DataFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("pipeline-data-").FullName;

    /// <summary>Writes a file, with its folders; returns its full path.</summary>
    public string Write(string name, byte[] bytes)
    {
        var file = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, bytes);
        return file;
    }

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    /// <summary>Makes a file of zeros that takes no room on the disk, but for what is written at its end.</summary>
    public string WriteSparse(string name, long length, ReadOnlySpan<byte> end)
    {
        var file = System.IO.Path.Combine(Path, name);
        using var stream = new FileStream(file, FileMode.CreateNew);
        stream.SetLength(length);
        stream.Seek(-end.Length, SeekOrigin.End);
        stream.Write(end);
        return file;
    }

    public Corpus Open(string tokenizer, params string[] patterns) => new(new TextDataSettings(patterns, tokenizer, Cache: ".cache"), Path);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
