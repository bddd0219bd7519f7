using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Pipeline.Core;
using Pipeline.Runtime.Cluster;
using Pipeline.Tensors.Loading;
using TorchSharp;

namespace Pipeline.Cli.Doctor;

/// <summary>Looks at everything that a run needs of its machine.</summary>
internal static class Checkup
{
    /// <summary>Where a node listens unless it is told otherwise.</summary>
    private const int DefaultPort = 8110;

    private const double Gibibyte = 1L << 30;

    public static IReadOnlyList<Finding> Run() =>
    [
        Finding.Ok("dotnet", $"{Environment.Version} ({RuntimeInformation.RuntimeIdentifier})",
            ("version", Environment.Version.ToString()), ("platform", RuntimeInformation.RuntimeIdentifier)),
        Finding.Ok("system", RuntimeInformation.OSDescription, ("description", RuntimeInformation.OSDescription)),
        Processor(),
        MainMemory(),
        .. Torch(),
        Port(),
        WorkingFolder(),
    ];

    private static Finding Processor()
    {
        var vectors = Avx512F.IsSupported ? "AVX-512" : Avx2.IsSupported ? "AVX2" : AdvSimd.IsSupported ? "Neon" : null;
        var cores = Environment.ProcessorCount;
        (string, object?)[] facts = [("cores", cores), ("instructions", vectors)];
        return vectors is null
            ? Finding.Note("processor", $"{cores} cores, without AVX2", "expect slow steps: libtorch is made for AVX2 or newer", facts)
            : Finding.Ok("processor", $"{cores} {(cores == 1 ? "core" : "cores")}, {vectors}", facts);
    }

    private static Finding MainMemory()
    {
        var memory = HostMemory.Measure();
        var text = FormattableString.Invariant(
            $"{memory.Available / Gibibyte:0.0} GiB available of {memory.Total / Gibibyte:0.0} GiB");
        (string, object?)[] facts = [("available_bytes", memory.Available), ("total_bytes", memory.Total)];
        return memory.Available < Gibibyte
            ? Finding.Note("memory", text, "free at least 1 GiB: libtorch alone takes a part of that", facts)
            : Finding.Ok("memory", text, facts);
    }

    private static IEnumerable<Finding> Torch()
    {
        LibTorchInfo? info = null;
        Finding finding;
        try
        {
            info = LibTorch.Load();
            var source = info.Source == LibTorchSource.Package ? "came with the program" : "named by PIPELINE_LIBTORCH";
            finding = Finding.Ok("libtorch", $"{info.Version} from {info.Folder} ({source})",
                ("version", info.Version.ToString()), ("folder", info.Folder), ("source", info.Source), ("cuda", info.Cuda));
        }
        catch (BadInputException problem)
        {
            finding = Finding.Wrong("libtorch", "cannot be loaded", problem.Message);
        }

        yield return finding;
        if (info is null)
        {
            yield break;
        }

        yield return Finding.Ok("torchsharp",
            info.LibTorchSharp + (info.LibStdCppFix ? " (corrected copy: this system's libstdc++ is older than the package asks for)" : ""),
            ("library", info.LibTorchSharp), ("libstdcpp_fix", info.LibStdCppFix));
        yield return SelfTest("cpu", "computes a matrix product and its gradient");
        yield return Cuda(info);
    }

    private static Finding Cuda(LibTorchInfo info)
    {
        if (!info.Cuda)
        {
            return Finding.Ok("cuda", "not in this libtorch (a CUDA one comes by PIPELINE_LIBTORCH or -p:LibTorch=cuda)", ("devices", 0));
        }

        var count = torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        return count == 0
            ? Finding.Note("cuda", "libtorch has CUDA, but no device is found",
                "check the NVIDIA driver with nvidia-smi; without a device the CPU is used", ("devices", 0))
            : SelfTest("cuda", $"devices: {count}; cuda:0 computes a matrix product and its gradient", ("devices", count));
    }

    private static Finding SelfTest(string device, string text, params (string, object?)[] facts)
    {
        const string Remedy = "use another libtorch: see PIPELINE_LIBTORCH";
        try
        {
            using var scope = torch.NewDisposeScope();
            var x = torch.arange(6, torch.float32, torch.device(device), requires_grad: true);
            var y = x.view(2, 3).matmul(x.view(3, 2)).sum();
            y.backward();
            // y = (x0+x3)(x0+x1) + (x1+x4)(x2+x3) + (x2+x5)(x4+x5)
            return y.ToSingle() == 91 && x.grad!.cpu().data<float>().SequenceEqual([4f, 8f, 14f, 6f, 12f, 16f])
                ? Finding.Ok(device, text, facts)
                : Finding.Wrong(device, "computes a wrong matrix product or gradient", Remedy, facts);
        }
        catch (ExternalException problem)
        {
            return Finding.Wrong(device, $"does not compute: {problem.Message.Split('\n')[0]}", Remedy, facts);
        }
    }

    private static Finding Port()
    {
        (string, object?)[] facts = [("port", DefaultPort)];
        try
        {
            Listen(DefaultPort);
            return Finding.Ok("network", $"port {DefaultPort} of the loopback address is free", facts);
        }
        catch (SocketException)
        {
            try
            {
                Listen(0);
                return Finding.Note("network", $"port {DefaultPort} of the loopback address is taken",
                    "give a node on this machine another port, or end what listens there (another node?)", facts);
            }
            catch (SocketException problem)
            {
                return Finding.Wrong("network", $"no port of the loopback address can be opened: {problem.Message}",
                    "allow this program to listen on 127.0.0.1", facts);
            }
        }
    }

    private static void Listen(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
    }

    private static Finding WorkingFolder()
    {
        var folder = Environment.CurrentDirectory;
        try
        {
            using (new FileStream(Path.Combine(folder, $".pipeline-{Guid.NewGuid():N}"), FileMode.CreateNew, FileAccess.Write,
                FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose))
            {
                var free = new DriveInfo(folder).AvailableFreeSpace;
                return Finding.Ok("folder", FormattableString.Invariant($"{folder} can be written ({free / Gibibyte:0.0} GiB free)"),
                    ("path", folder), ("free_bytes", free));
            }
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return Finding.Wrong("folder", $"{folder} cannot be written: {problem.Message}",
                "run directories are made here: change to a folder of your own", ("path", folder));
        }
    }
}
