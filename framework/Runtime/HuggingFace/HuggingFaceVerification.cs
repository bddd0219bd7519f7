using Pipeline.Core;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>Runs a model's stages as training does (forward, input gradients, weight gradients, sums over tied copies) on tokens that Hugging
/// Face's model has run on, and compares.</summary>
public static class HuggingFaceVerification
{
    /// <param name="stages">To cut the layers over.</param>
    /// <exception cref="BadInputException">The dump is missing or not of this model, Hugging Face's loss is another than the one here, or there are more stages than layers.</exception>
    public static VerifiedModel Run(HuggingFaceModel model, int stages)
    {
        var settings = model.Job.Model;
        if (stages < 1 || stages > settings.Layers)
        {
            throw new BadInputException($"--stages must be from 1 to {settings.Layers}, the number of layers, not {stages}.");
        }

        if (model.OtherLoss is { } reason)
        {
            throw new BadInputException($"{model.Folder} cannot be compared: {reason}.");
        }

        using var scope = NewDisposeScope();
        using var dump = new HuggingFaceDump(model.Folder, settings.Context, settings.Vocabulary!.Value);
        using var run = new VerificationRun(model, dump, stages);
        var loss = run.Step();
        var (gradients, worst) = run.Gradients
            .Select(gradient => (Difference: Relative(Reference(model, dump, gradient.Name), gradient.Value), gradient.Name))
            .MaxBy(entry => entry.Difference);
        return new(
            model.Architecture.Name, stages, Finite(Relative(dump.Logits, run.Logits)), Finite(Math.Abs(loss - dump.Loss)), Finite(gradients), worst);
    }

    /// <summary>Of a parameter, as we have it: (out, in).</summary>
    private static Tensor Reference(HuggingFaceModel model, HuggingFaceDump dump, string parameter)
    {
        var (place, shape) = (model.Locate(parameter), model.Definition.Parameters.First(one => one.Name == parameter).Shape);
        return place.Transposed
            ? dump.Gradient(place, [.. shape.Reverse()]).t()
            : dump.Gradient(place, shape);
    }

    /// <summary>The largest difference by the largest element; infinite where there is something that is no number.</summary>
    private static double Relative(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        double difference = Largest(Arithmetic.Subtract(expected, actual)), largest = Largest(expected);
        return difference == 0 ? 0 : double.IsNaN(difference / largest) ? double.PositiveInfinity : difference / largest;

        static float Largest(Tensor values) => values.abs().max().item<float>();
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}

/// <summary>How far a model is from Hugging Face's; what <c>--json</c> prints. Null is further than any number.</summary>
/// <param name="Logits">The largest difference, by the largest logit.</param>
/// <param name="Loss">The difference.</param>
/// <param name="Gradients">The largest difference in a parameter's gradient by that gradient's largest element, of the worst parameter.</param>
public sealed record VerifiedModel(string Architecture, int Stages, double? Logits, double? Loss, double? Gradients, string WorstParameter)
{
    public const double LogitsTolerance = 2e-5;

    public const double LossTolerance = 1e-6;

    public const double GradientsTolerance = 1e-4;

    public bool Equal => Logits <= LogitsTolerance && Loss <= LossTolerance && Gradients <= GradientsTolerance;
}
