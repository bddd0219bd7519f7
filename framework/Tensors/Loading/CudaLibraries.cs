using System.Runtime.InteropServices;

namespace Pipeline.Tensors.Loading;

/// <summary>libtorch's CUDA part, where the folder has one.</summary>
internal static class CudaLibraries
{
    private static readonly string[] Names = ["c10_cuda", "torch_cuda"];

    public static bool Open(string folder)
    {
        string[] libraries = [.. Names.Select(name => Path.Combine(folder, NativeFiles.FileName(name))).Where(File.Exists)];
        // PyTorch's own libraries usually find NVIDIA's by themselves; an install that was moved needs help.
        if (!libraries.All(library => NativeLibrary.TryLoad(library, out _)))
        {
            OpenSiblings(folder);
            foreach (var library in libraries)
            {
                LibTorch.Open(library);
            }
        }

        return libraries.Length > 0;
    }

    /// <summary>Python packages put NVIDIA's libraries into site-packages/nvidia/*/lib, beside site-packages/torch/lib. They
    /// depend on each other, so passes go on as long as one more can be opened.</summary>
    private static void OpenSiblings(string folder)
    {
        var nvidia = Path.GetFullPath(Path.Combine(folder, "..", "..", "nvidia"));
        if (!Directory.Exists(nvidia))
        {
            return;
        }

        var left = Directory.EnumerateDirectories(nvidia).Select(package => Path.Combine(package, "lib")).Where(Directory.Exists)
            .SelectMany(lib => Directory.EnumerateFiles(lib, "*.so*")).Order(StringComparer.Ordinal).ToList();
        while (left.RemoveAll(library => NativeLibrary.TryLoad(library, out _)) > 0)
        {
        }
    }
}
