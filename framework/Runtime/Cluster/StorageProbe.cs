namespace Pipeline.Runtime.Cluster;

/// <summary>A file beside a run directory, so that nodes can say whether they reach the same storage. It does not lie in it: a run that is there already is moved
/// aside with all that it has.</summary>
internal sealed class StorageProbe : IDisposable
{
    /// <param name="directory">The run directory, which need not exist yet.</param>
    public StorageProbe(string directory)
    {
        var existing = System.IO.Path.GetDirectoryName(directory) ?? directory;
        while (!Directory.Exists(existing))
        {
            existing = System.IO.Path.GetDirectoryName(existing)!;
        }

        Path = System.IO.Path.Combine(existing, $".pipeline-probe-{Guid.NewGuid():N}");
        try
        {
            File.WriteAllBytes(Path, []);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new Core.BadInputException($"job.directory: {failure.Message}", failure);
        }
    }

    public string Path { get; }

    public void Dispose() => File.Delete(Path);
}
