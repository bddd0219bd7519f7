using System.Security.Cryptography;
using System.Text;
using Pipeline.Core.Data.Formats;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>Files as tokens, each made once for a content and a tokenizer and kept in a folder that may be emptied at any time. Several processes
/// may work in it: each writes a file of its own and renames it when it is whole.</summary>
internal sealed class TokenCache(TextDataSettings settings, string folder)
{
    /// <summary>Goes up when the same file and tokenizer give other tokens.</summary>
    private const string Version = "1";

    /// <param name="sha256">Of the file.</param>
    /// <param name="seen">As in <see cref="TokenFile.Open"/>.</param>
    public TokenFile Open(string file, string sha256, IDocumentEncoder encoder, bool[]? seen)
    {
        var directory = settings.Cache is { } own ? Path.GetFullPath(own, folder) : Default();
        try
        {
            var path = Path.Combine(directory, Key(file, sha256, encoder) + ".tokens");
            if (File.Exists(path))
            {
                try
                {
                    return Matching(path, encoder, seen);
                }
                catch (BadInputException)
                {
                    // Damaged: it is made again.
                }
            }

            Create(directory);
            RemoveLeftovers(directory);
            Write(path, file, encoder);
            return Matching(path, encoder, seen);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"data.cache: the tokens of {file} cannot be kept in {directory}: {failure.Message}", failure);
        }
    }

    private static TokenFile Matching(string path, IDocumentEncoder encoder, bool[]? seen) => TokenFile.Open(
        path,
        header =>
        {
            // Those of the cache all have a checksum.
            if (header.Checksum == 0 || header.Vocabulary != encoder.Vocabulary || header.Tokenizer != TokenFileHeader.Hash(encoder.Identity))
            {
                throw new BadInputException($"{path} is not of this tokenizer.");
            }
        },
        seen);

    private void Write(string path, string file, IDocumentEncoder encoder)
    {
        using var writer = new TokenFileWriter(path, encoder);
        writer.Add(file, settings);
        writer.Complete();
    }

    private string Key(string file, string sha256, IDocumentEncoder encoder)
    {
        var format = Documents.FormatOf(file);
        var compressed = file.EndsWith(JsonLines.Compressed, StringComparison.OrdinalIgnoreCase);
        var field = format == DataFormat.Text ? "" : settings.TextField;
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Version}\n{sha256}\n{format} {compressed}\n{encoder.Identity}\n{field}")));
    }

    /// <summary>For the user's eyes only: the tokens are the data.</summary>
    private static void Create(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
        }
        else
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>A process that is killed leaves the file that it was writing; one that is still at it has written to it within a day.</summary>
    private static void RemoveLeftovers(string directory)
    {
        foreach (var pattern in (string[])["*.tokens.*.tmp", "*.tokens.*.tmp-index"])
        {
            foreach (var file in Directory.EnumerateFiles(directory, pattern).Where(file => File.GetLastWriteTimeUtc(file) < DateTime.UtcNow.AddDays(-1)))
            {
                try
                {
                    File.Delete(file);
                }
                catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
                {
                    // Someone else's, or gone already: it is in nobody's way.
                }
            }
        }
    }

    private static string Default()
    {
        var named = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var root = Path.IsPathFullyQualified(named ?? "") ? named!
            : OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : home.Length > 0 ? Path.Combine(home, ".cache") : "";
        return root.Length > 0
            ? Path.Combine(root, "pipeline", "tokens")
            : throw new BadInputException("data.cache must name a folder for the tokens: there is no home folder to keep them in.");
    }
}
