using CsCheck;
using Pipeline.Core;
using Pipeline.Tensors.Loading;
using Pipeline.Tests;

namespace Pipeline.Tensors.Tests.Loading;

public sealed class ElfVersionsTests
{
    private static readonly string Sharp = NativeFiles.Find(null, AppContext.BaseDirectory, []).LibTorchSharp;

    public static bool IsLinux => OperatingSystem.IsLinux();

    [Fact(Skip = "ELF is Linux's format.", SkipUnless = nameof(IsLinux))]
    public void Needed_versions_are_found_where_they_lie()
    {
        var library = File.ReadAllBytes(Sharp);
        var needed = new ElfVersions(library, Sharp).Needed();
        Assert.Contains(needed, need => need is { Library: "libstdc++.so.6", Version: "GLIBCXX_3.4.32", Flags: 0 });
        Assert.Contains(needed, need => need is { Library: "libc.so.6", Version: "GLIBC_2.2.5" });
        Assert.Equal(needed.Count, needed.Select(need => need.FlagsOffset).Distinct().Count());
    }

    [Fact(Skip = "ELF is Linux's format.", SkipUnless = nameof(IsLinux))]
    public void Defined_versions_are_found()
    {
        var openMp = Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "libtorch"), "libgomp*").FirstOrDefault();
        Assert.SkipWhen(openMp is null, "This build carries no libtorch.");
        Assert.Superset(new HashSet<string> { "GOMP_1.0", "GOMP_4.0", "OMP_1.0" }, new ElfVersions(File.ReadAllBytes(openMp), openMp).Defined());
        Assert.Empty(new ElfVersions(File.ReadAllBytes(Sharp), Sharp).Defined());
    }

    [Fact(Skip = "ELF is Linux's format.", SkipUnless = nameof(IsLinux))]
    public void The_fix_sets_one_bit_and_is_not_applied_twice()
    {
        var library = File.ReadAllBytes(Sharp);
        var corrected = LibStdCppFix.Apply(library, Sharp);
        var changed = Assert.Single(Enumerable.Range(0, library.Length), i => library[i] != corrected[i]);
        Assert.Equal(2, library[changed] ^ corrected[changed]);
        Assert.Contains(
            new ElfVersions(corrected, Sharp).Needed(), need => need is { Version: "GLIBCXX_3.4.32", Flags: 2 } && need.FlagsOffset == changed);
        Assert.Equal(corrected, LibStdCppFix.Apply(corrected, Sharp));
        Assert.False(LibStdCppFix.IsNeeded(corrected, Sharp, []));
    }

    [Fact(Skip = "ELF is Linux's format.", SkipUnless = nameof(IsLinux))]
    public void Processes_that_start_together_share_one_whole_copy()
    {
        using var folder = new TemporaryFolder();
        var library = File.ReadAllBytes(Sharp);
        var corrected = LibStdCppFix.Apply(library, Sharp);
        var copies = new string[16];
        Parallel.For(0, copies.Length, i =>
        {
            copies[i] = LibStdCppFix.CopyInCache(library, Sharp, folder.Path);
            Assert.Equal(corrected, File.ReadAllBytes(copies[i]));
        });
        var copy = Assert.Single(copies.Distinct());
        Assert.Equal([copy], Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories));
        if (OperatingSystem.IsLinux())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(copy));
        }

        File.WriteAllBytes(copy, corrected.AsSpan(0, 1000));
        Assert.Equal(corrected, File.ReadAllBytes(LibStdCppFix.CopyInCache(library, Sharp, folder.Path)));
    }

    [Fact(Skip = "ELF is Linux's format.", SkipUnless = nameof(IsLinux))]
    public void A_cache_that_cannot_be_written_is_named()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("pipeline"), "a file where the folder should be");
        var problem = Assert.Throws<BadInputException>(() => LibStdCppFix.CopyInCache(File.ReadAllBytes(Sharp), Sharp, folder.Path));
        Assert.StartsWith(
            "This system's libstdc++ lacks GLIBCXX_3.4.32, and the corrected copy of libLibTorchSharp.so cannot be kept in " +
            $"'{folder.Path}/pipeline/libtorchsharp/", problem.Message);
        Assert.EndsWith("; set XDG_CACHE_HOME to a folder that can be written.", problem.Message);
    }

    [Fact(Skip = "ELF is Linux's format.", SkipUnless = nameof(IsLinux))]
    public void Damaged_libraries_are_read_or_refused()
    {
        // The header, and the sections that are followed, are a small part of a large file: damage those.
        var whole = File.ReadAllBytes(Sharp);
        var sections = (int)BitConverter.ToUInt64(whole, 40);
        var versions = new ElfVersions(whole, Sharp).Needed().Min(need => need.FlagsOffset) - 20;
        (int Start, int Length)[] parts = [(0, 64), (sections, whole.Length - sections), (versions, 600)];
        Gen.Int.Sample(
            seed =>
            {
                var random = new Random(seed);
                var image = whole.AsSpan(0, random.Next(4) == 0 ? random.Next(whole.Length) : whole.Length).ToArray();
                var (start, length) = parts[random.Next(parts.Length)];
                for (var change = random.Next(1, 4); change > 0; change--)
                {
                    if (start + random.Next(length) is var at && at < image.Length)
                    {
                        image[at] = (byte)random.Next(256);
                    }
                }

                try
                {
                    _ = new ElfVersions(image, "image").Needed();
                    _ = new ElfVersions(image, "image").Defined();
                }
                catch (BadInputException problem)
                {
                    Assert.StartsWith("'image' is not a well-formed 64-bit ELF library", problem.Message);
                }
            },
            iter: 1000,
            threads: 1);
    }
}
