using System.Diagnostics;
using Pipeline.Tensors.Loading;
using Pipeline.Tests;
using TorchSharp;

namespace Pipeline.Tensors.Tests.Loading;

public sealed class LibTorchTests
{
    private static string? Named => Environment.GetEnvironmentVariable(NativeFiles.Variable);

    [Fact]
    public void It_is_loaded_once_from_where_it_should_be_and_works()
    {
        var infos = new LibTorchInfo[8];
        Parallel.For(0, infos.Length, i => infos[i] = LibTorch.Load());
        var info = Assert.Single(infos.Distinct());
        Assert.Equal(string.IsNullOrEmpty(Named) ? LibTorchSource.Package : LibTorchSource.Environment, info.Source);
        Assert.Equal(string.IsNullOrEmpty(Named) ? info.Folder : Named, info.Folder);
        Assert.True(info.Version >= new Version(2, 10, 0));
        Assert.True(File.Exists(info.LibTorchSharp));

        using var scope = torch.NewDisposeScope();
        var x = torch.ones([2, 3], requires_grad: true);
        x.matmul(torch.ones(3, 2)).sum().backward();
        Assert.True(x.grad!.eq(2).all().ToBoolean());
        Assert.True(info.Cuda || !torch.cuda.is_available());
        if (OperatingSystem.IsLinux())
        {
            Assert.Single(
                File.ReadLines("/proc/self/maps").Where(line => line.EndsWith("/libtorch_cpu.so", StringComparison.Ordinal))
                    .Select(line => line[line.IndexOf('/')..]).Distinct());
        }
    }

    [Fact]
    public void A_folder_that_the_environment_names_is_used_alone()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && string.IsNullOrEmpty(Named), "Needs symbolic links, and is not for the child.");
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(LibTorch.Load().Folder, "*.so*"))
        {
            File.CreateSymbolicLink(folder.File(Path.GetFileName(file)), file);
        }

        var (code, output) = RunLoadTest(folder.Path);
        Assert.True(code == 0, output);
    }

    [Fact]
    public void A_library_that_is_none_is_named_with_what_to_do()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && string.IsNullOrEmpty(Named), "Compares what Linux's loader says.");
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("libc10.so"), "not a library");
        File.WriteAllText(folder.File("libtorch_cpu.so"), "not a library");
        var (code, output) = RunLoadTest(folder.Path);
        Assert.NotEqual(0, code);
        Assert.Contains(
            $"The library '{folder.Path}/libc10.so' cannot be loaded ({folder.Path}/libc10.so: file too short); libtorch 2.10 or newer " +
            "for this platform is needed: build with -p:LibTorch=cpu, or set PIPELINE_LIBTORCH to the folder of one.", output);
    }

    /// <summary>A process holds one libtorch, so that another folder takes another process: this assembly, for one test.</summary>
    private static (int Code, string Output) RunLoadTest(string libTorch)
    {
        var program = Path.Combine(AppContext.BaseDirectory, typeof(LibTorchTests).Assembly.GetName().Name!);
        var method = $"{typeof(LibTorchTests).FullName}.{nameof(It_is_loaded_once_from_where_it_should_be_and_works)}";
        using var child = Process.Start(new ProcessStartInfo(program, ["-method", method, "-noColor"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { [NativeFiles.Variable] = libTorch },
        })!;
        var errors = child.StandardError.ReadToEndAsync();
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        return (child.ExitCode, output + errors.Result);
    }
}
