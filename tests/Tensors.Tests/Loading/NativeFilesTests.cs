using Pipeline.Core;
using Pipeline.Tensors.Loading;
using Pipeline.Tests;

namespace Pipeline.Tensors.Tests.Loading;

public sealed class NativeFilesTests : IDisposable
{
    private const string Example = "such as .../site-packages/torch/lib of a Python install of PyTorch";

    private static readonly string Library = NativeFiles.FileName("torch_cpu");

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_folder_of_its_own_beside_the_program_comes_first()
    {
        Put("program", NativeFiles.FileName("LibTorchSharp"));
        Put("program/libtorch", Library);
        Assert.Equal(new NativeFiles(In("program/libtorch"), LibTorchSource.Package, Sharp), Find(null));
        Assert.Equal(Find(null), Find(""));
    }

    [Fact]
    public void A_folder_that_dotnet_probes_serves_too()
    {
        Put("program", NativeFiles.FileName("LibTorchSharp"));
        Put("probed", Library);
        Assert.Equal(new NativeFiles(In("probed"), LibTorchSource.Package, Sharp), Find(null, In("probed")));
    }

    [Fact]
    public void The_folder_that_the_user_names_wins_over_the_build_s_own()
    {
        Put("program", NativeFiles.FileName("LibTorchSharp"));
        Put("program/libtorch", Library);
        Put("named", Library);
        Assert.Equal(new NativeFiles(In("named"), LibTorchSource.Environment, Sharp), Find(In("named") + "/"));
    }

    [Fact]
    public void What_is_missing_is_said_with_what_to_do()
    {
        Says(
            $"{NativeFiles.FileName("LibTorchSharp")} of the TorchSharp package is missing from '{In("program")}'; " +
            "build or publish the program again for this platform (linux-x64, win-x64, win-arm64 or osx-arm64).",
            () => Find(null));
        Put("program", NativeFiles.FileName("LibTorchSharp"));
        Says(
            $"No libtorch came with the program in '{In("program")}'; build it with -p:LibTorch=cpu (or cuda), or set " +
            $"PIPELINE_LIBTORCH to a folder that holds {Library}, {Example}.",
            () => Find(null));
        Says($"PIPELINE_LIBTORCH is '{In("none")}', which is not a folder; name one that holds {Library}, {Example}.", () => Find(In("none")));
        Put("venv/torch/lib", Library);
        Says($"PIPELINE_LIBTORCH is '{folder.Path}', which holds no {Library}; name a folder that does, {Example}.", () => Find(folder.Path));
        Says(
            $"PIPELINE_LIBTORCH is '{In("venv")}', which holds no {Library}; name a folder that does, such as '{In("venv/torch/lib")}'.",
            () => Find(In("venv")));
    }

    [Fact]
    public void Two_libtorches_that_would_both_be_loaded_are_refused()
    {
        Put("program", NativeFiles.FileName("LibTorchSharp"));
        Put("program", Library);
        Put("named", Library);
        Says(
            $"PIPELINE_LIBTORCH is '{In("named")}', but the program carries a libtorch of its own in '{In("program")}', and a process " +
            "can hold only one; build it with -p:LibTorch=none, or unset PIPELINE_LIBTORCH.",
            () => Find(In("named")));
        Assert.Equal(LibTorchSource.Environment, Find(In("program")).Source);
    }

    private string Sharp => System.IO.Path.Combine(In("program"), NativeFiles.FileName("LibTorchSharp"));

    private string In(string name) => folder.File(name);

    private void Put(string below, string file)
    {
        Directory.CreateDirectory(In(below));
        File.WriteAllText(System.IO.Path.Combine(In(below), file), "");
    }

    private NativeFiles Find(string? named, params string[] probed) => NativeFiles.Find(named, In("program"), probed);

    private static void Says(string sentence, Action action) => Assert.Equal(sentence, Assert.Throws<BadInputException>(action).Message);
}
