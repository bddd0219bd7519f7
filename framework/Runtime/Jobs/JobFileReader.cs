using System.Text;
using Pipeline.Core;
using Pipeline.Core.Jobs;

namespace Pipeline.Runtime.Jobs;

/// <summary>Reads a job file, lays the command line's overrides over it and checks the whole.</summary>
public static class JobFileReader
{
    private const int LargestFile = 1 << 20;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="path">As the user wrote it: every sentence about the file begins with it.</param>
    /// <param name="overrides"><c>a.b=c</c> each; a later one wins.</param>
    /// <param name="architectures">The record of settings of each known architecture.</param>
    public static JobFile Read(string path, IReadOnlyList<string> overrides, IReadOnlyDictionary<string, Type> architectures) =>
        Parse(Text(path), path, overrides, architectures);

    /// <param name="place">What every sentence about the text begins with.</param>
    public static JobFile Parse(string text, string place, IReadOnlyList<string> overrides, IReadOnlyDictionary<string, Type> architectures)
    {
        var root = HoconTree.Read(HoconSyntax.PlainFile(text, place), place);
        foreach (var given in overrides)
        {
            root = root.Overlay(SettingOverride.Parse(given));
        }
        return JobFileBinder.Bind(root, architectures);
    }

    private static string Text(string path)
    {
        if (Directory.Exists(path))
        {
            throw new BadInputException($"{path}: this is a folder, and a job file is needed.");
        }
        if (!File.Exists(path))
        {
            throw new BadInputException($"{path}: there is no such file.");
        }
        try
        {
            return StrictUtf8.GetString(Bytes(path));
        }
        catch (DecoderFallbackException problem)
        {
            throw new BadInputException($"{path}: a job file must be UTF-8 text, and this is not.", problem);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{path}: the file cannot be read: {problem.Message.TrimEnd('.')}.", problem);
        }
    }

    /// <summary>Never more than one byte too many: a device or a growing file does not say how long it is.</summary>
    private static byte[] Bytes(string path)
    {
        var bytes = new byte[LargestFile + 1];
        using var file = File.OpenRead(path);
        var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return length <= LargestFile
            ? bytes[..length]
            : throw new BadInputException($"{path}: a job file may have at most 1 MiB, and this one is larger.");
    }
}
