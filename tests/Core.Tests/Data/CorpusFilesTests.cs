using System.Security.Cryptography;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Tests.Data;

/// <summary>Which files the patterns of a job file mean.</summary>
public sealed class CorpusFilesTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.txt", "a.txt")]
    [InlineData("./a.txt", "a.txt")]
    [InlineData("x/../a.txt", "a.txt")]
    [InlineData("*.txt", "B.txt a.txt")]
    [InlineData("./*.txt", "B.txt a.txt")]
    [InlineData("*", "B.txt a.cs a.txt bin")]
    [InlineData("**/*.txt", "B.txt a.txt x-1/c.txt x/.d.txt x/b.txt x/y/b.txt")]
    [InlineData("**", "B.txt a.cs a.txt bin x-1/c.txt x/.d.txt x/b.txt x/y/b.txt")]
    [InlineData("x/**/*.txt", "x/.d.txt x/b.txt x/y/b.txt")]
    [InlineData("*/*.txt", "x-1/c.txt x/.d.txt x/b.txt")]
    [InlineData("x*/**/b*", "x/b.txt x/y/b.txt")]
    // What wildcards pass over, they find once it is named before them.
    [InlineData(".git/*.txt", ".git/e.txt")]
    [InlineData(".git/e.txt", ".git/e.txt")]
    [InlineData("x/bin/*", "x/bin/f.txt")]
    [InlineData("x/bin/f.txt", "x/bin/f.txt")]
    [InlineData("obj/**/*.txt", "obj/g.txt")]
    [InlineData("runs/*", "runs/h.txt")]
    [InlineData("runs/../x/*.txt", "x/.d.txt x/b.txt")]
    public void A_pattern_means_these_files(string pattern, string expected)
    {
        WriteTree();
        using var corpus = folder.Open("bytes", pattern);
        Assert.Equal(expected.Split(' '), PathsOf(corpus));
    }

    [Fact]
    public void A_file_that_several_patterns_match_is_there_once_whatever_their_order()
    {
        WriteTree();
        string[] patterns = ["x/*.txt", "**/b.txt", "x/b.txt", "x/../x/b.txt", $"{folder.Path}/x/b.txt", $"{folder.Path}/**/b.txt"];
        foreach (var order in (string[][])[patterns, [.. patterns.Reverse()]])
        {
            using var corpus = folder.Open("bytes", order);
            Assert.Equal(["x/.d.txt", "x/b.txt", "x/y/b.txt"], PathsOf(corpus));
        }
    }

    [Fact]
    public void Files_are_sorted_by_path_not_by_pattern()
    {
        WriteTree();
        using var corpus = folder.Open("bytes", "x/b.txt", "a.txt", "x-1/c.txt", "B.txt");
        Assert.Equal(["B.txt", "a.txt", "x-1/c.txt", "x/b.txt"], PathsOf(corpus));
    }

    [Fact]
    public void Paths_outside_the_folder_go_up_and_absolute_ones_stay_absolute()
    {
        var job = Directory.CreateDirectory(Path.Combine(folder.Path, "job")).FullName;
        var (above, beside) = (folder.Write("above.txt", "1"), folder.Write("beside/b.txt", "2"));
        using var relative = new Corpus(new TextDataSettings(["../**/*.txt"]), job);
        Assert.Equal(["../above.txt", "../beside/b.txt"], PathsOf(relative));
        using var absolute = new Corpus(new TextDataSettings([above, $"{folder.Path}/beside/*"]), job);
        Assert.Equal([above, beside], PathsOf(absolute));
    }

    [Fact]
    public void A_file_is_known_by_path_size_and_hash()
    {
        var bytes = RandomNumberGenerator.GetBytes((1 << 20) + 17); // More than the block in which it is read.
        folder.Write("data.bin", bytes);
        using var corpus = folder.Open("bytes", "data.bin");
        Assert.Equal([new("data.bin", bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)))], corpus.Files);
    }

    [Fact]
    public void Empty_files_that_a_wildcard_finds_are_passed_over()
    {
        folder.Write("a.txt", "");
        folder.Write("b.txt", "text");
        using var corpus = folder.Open("bytes", "*.txt");
        Assert.Equal(["b.txt"], PathsOf(corpus));
    }

    [Theory]
    [InlineData("none.txt", "data.files: there is no file FOLDER/none.txt.")]
    [InlineData("x", "data.files: there is no file FOLDER/x.")] // It is a folder.
    [InlineData("a?.txt", "data.files: there is no file FOLDER/a?.txt.")] // A question mark is one.
    [InlineData("x/../none.txt", "data.files: there is no file FOLDER/none.txt.")]
    [InlineData("*.md", "data.files: no file matches *.md in FOLDER.")]
    [InlineData("none/*.txt", "data.files: no file matches none/*.txt in FOLDER.")]
    [InlineData("**/e.txt", "data.files: no file matches **/e.txt in FOLDER.")] // Only in .git.
    [InlineData("**/f.txt", "data.files: no file matches **/f.txt in FOLDER.")] // Only in bin,
    [InlineData("**/g.txt", "data.files: no file matches **/g.txt in FOLDER.")] // in obj,
    [InlineData("**/h.txt", "data.files: no file matches **/h.txt in FOLDER.")] // in runs.
    [InlineData("empty.txt", "data.files: FOLDER/empty.txt is empty.")]
    [InlineData("x/../empty.txt", "data.files: FOLDER/empty.txt is empty.")]
    [InlineData("*/../a.txt", "data.files: */../a.txt has .. after a wildcard; .. is allowed before the first wildcard only.")]
    [InlineData("a\0", "data.files: \"a\\u0000\" has a character that no path may have.")]
    [InlineData("gone.txt", "data.files: Could not find file 'FOLDER/gone.txt'.")] // A link to nowhere.
    public void A_pattern_without_data_is_refused(string pattern, string sentence)
    {
        WriteTree();
        folder.Write("empty.txt", "");
        File.CreateSymbolicLink(Path.Combine(folder.Path, "gone.txt"), Path.Combine(folder.Path, "nowhere"));
        var problem = Assert.Throws<BadInputException>(() => folder.Open("bytes", "a.txt", pattern));
        Assert.Equal(sentence.Replace("FOLDER", folder.Path, StringComparison.Ordinal), problem.Message);
    }

    private static IEnumerable<string> PathsOf(Corpus corpus) => corpus.Files.Select(file => file.Path);

    private void WriteTree()
    {
        string[] files =
        [
            "a.txt", "a.cs", "B.txt", "bin", "x/b.txt", "x/y/b.txt", "x/.d.txt", "x-1/c.txt",
            ".git/e.txt", "x/bin/f.txt", "obj/g.txt", "runs/h.txt", "x/.hidden/y/e.txt", "x/y/runs/z/h.txt",
        ];
        foreach (var file in files)
        {
            folder.Write(file, file);
        }
    }
}
