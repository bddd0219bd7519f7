using System.Reflection;

namespace Pipeline.Runtime.Cluster;

/// <summary>What a process runs. All nodes of a run need the same: messages must be understood, and results equal to the last bit.</summary>
/// <param name="Protocol">Of messages and frames.</param>
/// <param name="LibTorch">Its version.</param>
/// <param name="InstructionSet">Of libtorch's kernels.</param>
public sealed record NodeSoftware(int Protocol, string Pipeline, string Akka, string TorchSharp, string LibTorch, string InstructionSet)
{
    /// <summary>Raised with every change of a message or frame.</summary>
    public const int CurrentProtocol = 3;

    /// <summary>Loads libtorch if it is not loaded yet.</summary>
    public static NodeSoftware OfThisProcess()
    {
        var torch = global::Pipeline.Tensors.Loading.LibTorch.Load();
        return new(
            CurrentProtocol,
            Version(typeof(NodeSoftware)),
            Version(typeof(global::Akka.Actor.ActorSystem)),
            Version(typeof(TorchSharp.torch)),
            torch.Version.ToString(),
            torch.InstructionSet);
    }

    /// <summary>What messages need to be understood here: the first difference to this process in words, whose libtorch need not be loaded; null when there is none.</summary>
    public string? DifferenceOfMessages() => DifferenceTo(new(CurrentProtocol, Version(typeof(NodeSoftware)), Version(typeof(global::Akka.Actor.ActorSystem)), TorchSharp, LibTorch, InstructionSet));

    /// <summary>The first difference in words, such as <c>libtorch 2.10.0, not 2.11.0</c>; null when there is none.</summary>
    public string? DifferenceTo(NodeSoftware expected)
    {
        (string What, object Here, object There)[] all =
        [
            ("protocol", Protocol, expected.Protocol), ("Pipeline", Pipeline, expected.Pipeline), ("Akka", Akka, expected.Akka),
            ("TorchSharp", TorchSharp, expected.TorchSharp), ("libtorch", LibTorch, expected.LibTorch),
            ("the instruction set", InstructionSet, expected.InstructionSet),
        ];
        return all.FirstOrDefault(part => !part.Here.Equals(part.There)) is { What: { } what, Here: var here, There: var there } ? $"{what} {here}, not {there}" : null;
    }

    private static string Version(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";
}
