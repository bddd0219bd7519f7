namespace Pipeline.Core.Data;

/// <summary>One file of a run's data as frozen in the run: any change of it is another run.</summary>
/// <param name="Path">Relative to the job file's folder, with forward slashes; absolute where the job names an absolute path.</param>
/// <param name="Sha256">Lower-case hexadecimal.</param>
public sealed record DataFile(string Path, long Bytes, string Sha256);
