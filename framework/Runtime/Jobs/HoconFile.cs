using System.Text;
using Pipeline.Core;

namespace Pipeline.Runtime.Jobs;

/// <summary>The text of a file of settings.</summary>
internal static class HoconFile
{
    private const int LargestFile = 1 << 20;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="kind">What the file should be, in words.</param>
    public static string Text(string path, string kind)
    {
        if (Directory.Exists(path))
        {
            throw new BadInputException($"{path}: this is a folder, and a {kind} is needed.");
        }
        if (!File.Exists(path))
        {
            throw new BadInputException($"{path}: there is no such file.");
        }
        try
        {
            return StrictUtf8.GetString(Bytes(path, kind));
        }
        catch (DecoderFallbackException problem)
        {
            throw new BadInputException($"{path}: a {kind} must be UTF-8 text, and this is not.", problem);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{path}: the file cannot be read: {problem.Message.TrimEnd('.')}.", problem);
        }
    }

    /// <summary>Never more than one byte too many: a device or a growing file does not say how long it is.</summary>
    private static byte[] Bytes(string path, string kind)
    {
        var bytes = new byte[LargestFile + 1];
        using var file = File.OpenRead(path);
        var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return length <= LargestFile
            ? bytes[..length]
            : throw new BadInputException($"{path}: a {kind} may have at most 1 MiB, and this one is larger.");
    }
}
