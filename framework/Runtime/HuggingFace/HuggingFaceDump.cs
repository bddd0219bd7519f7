using Pipeline.Core;
using Pipeline.Tensors.Models.HuggingFace;
using Pipeline.Tensors.SafeTensors;
using static TorchSharp.torch;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>What Hugging Face's model computed from its weights, in the model's folder: io.safetensors (<c>input_ids</c> int64
/// (sequences, length), <c>logits</c>, <c>loss</c>) and grads.safetensors, gradients by the names of the weights.</summary>
internal sealed class HuggingFaceDump : IDisposable
{
    public const string IoFile = "io.safetensors", GradientsFile = "grads.safetensors";

    private readonly SafeTensorsFile io;
    private readonly SafeTensorsFile gradients;

    /// <exception cref="BadInputException">It is not there, or not of this model.</exception>
    public HuggingFaceDump(string folder, int context, int vocabulary)
    {
        io = Open(folder, IoFile);
        try
        {
            gradients = Open(folder, GradientsFile);
            using var ids = Take(io, "input_ids", ScalarType.Int64, null);
            if (ids.dim() != 2 || ids.shape[0] < 1 || ids.shape[1] < 2 || ids.shape[1] > context)
            {
                throw new BadInputException($"{io.Path}: input_ids must be sequences of 2 to {context} tokens, not [{string.Join(", ", ids.shape)}].");
            }

            Ids = [.. ids.data<long>()];
            (Sequences, Length) = ((int)ids.shape[0], (int)ids.shape[1]);
            if (Ids.Any(id => id < 0 || id >= vocabulary))
            {
                throw new BadInputException($"{io.Path}: input_ids must be from 0 to {vocabulary - 1}, the tokens of the model.");
            }

            using var loss = Take(io, "loss", ScalarType.Float32, []);
            Loss = loss.item<float>();
            Logits = Take(io, "logits", ScalarType.Float32, [Sequences, Length, vocabulary]).DetachFromDisposeScope();
        }
        catch
        {
            io.Dispose();
            gradients?.Dispose();
            throw;
        }
    }

    /// <summary>Row by row.</summary>
    public long[] Ids { get; }

    public int Sequences { get; }

    public int Length { get; }

    public Tensor Logits { get; }

    public double Loss { get; }

    /// <summary>In the caller's scope.</summary>
    /// <param name="place">Of the weight.</param>
    /// <param name="shape">That it has there.</param>
    public Tensor Gradient(HuggingFaceTensor place, IReadOnlyList<long> shape)
    {
        var name = place.Aliases.Prepend(place.Name).FirstOrDefault(gradients.Entries.ContainsKey);
        if (name is not null || place.Packed is not { } packed || !gradients.Entries.TryGetValue(packed.Name, out var whole))
        {
            return Take(gradients, name ?? place.Name, ScalarType.Float32, shape);
        }

        return packed.Holds(whole.Shape, shape)
            ? packed.From(Take(gradients, packed.Name, ScalarType.Float32, null))
            : throw new BadInputException(
                $"{gradients.Path}: {packed.Name} has the shape [{string.Join(", ", whole.Shape)}], which has no place for {place.Name} [{string.Join(", ", shape)}].");
    }

    public void Dispose()
    {
        Logits.Dispose();
        io.Dispose();
        gradients.Dispose();
    }

    private static SafeTensorsFile Open(string folder, string name) => File.Exists(Path.Combine(folder, name))
        ? SafeTensorsFile.Open(Path.Combine(folder, name))
        : throw new BadInputException($"{folder} has no {name}: verify compares with what Hugging Face's model computed, which must lie beside its weights.");

    private static Tensor Take(SafeTensorsFile file, string name, ScalarType type, IReadOnlyList<long>? shape)
    {
        var value = file.Read(name);
        return value.dtype == type && (shape is null || value.shape.SequenceEqual(shape))
            ? value
            : throw new BadInputException(
                $"{file.Path}: {name} must be {type}{(shape is null ? "" : $" [{string.Join(", ", shape)}]")}, not {value.dtype} [{string.Join(", ", value.shape)}].");
    }
}
