using System.Text;

namespace Pipeline.Tensors.SafeTensors;

/// <summary>Orders strings by their UTF-8 bytes, as other writers of the format do (UTF-16 order differs above U+FFFF).</summary>
internal sealed class Utf8Order : IComparer<string>
{
    public static readonly Utf8Order Instance = new();

    public int Compare(string? x, string? y) => Encoding.UTF8.GetBytes(x ?? "").AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y ?? ""));
}
