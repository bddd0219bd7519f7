using Pipeline.Core.Jobs;

namespace Pipeline.Runtime.Jobs;

/// <summary>Reads a job file, lays the command line's overrides over it and checks the whole.</summary>
public static class JobFileReader
{
    /// <param name="path">As the user wrote it: every sentence about the file begins with it.</param>
    /// <param name="overrides"><c>a.b=c</c> each; a later one wins.</param>
    /// <param name="architectures">The record of settings of each known architecture.</param>
    public static JobFile Read(string path, IReadOnlyList<string> overrides, IReadOnlyDictionary<string, Type> architectures) =>
        Parse(HoconFile.Text(path, "job file"), path, overrides, architectures);

    /// <param name="place">What every sentence about the text begins with.</param>
    public static JobFile Parse(string text, string place, IReadOnlyList<string> overrides, IReadOnlyDictionary<string, Type> architectures)
    {
        var file = HoconTree.Read(HoconSyntax.PlainFile(text, place), place);
        return JobFileBinder.Bind(JobFileBinder.Overlay(file, overrides.Select(SettingOverride.Parse), architectures), architectures);
    }
}
