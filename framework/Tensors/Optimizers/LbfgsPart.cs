using Pipeline.Core.Optimization;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Optimizers;

/// <summary>A stage's part of the vectors of <see cref="Lbfgs"/>, which decides what becomes of them: the direction, the line's start and the gradient there,
/// and the remembered pairs. In the parameters' type, but float32 beside bfloat16.</summary>
public sealed class LbfgsPart : IDisposable
{
    private readonly Vectors[] parts;

    /// <param name="pieces">This object's from here on.</param>
    /// <param name="history">Pairs that are remembered.</param>
    public LbfgsPart(IReadOnlyList<ParameterPiece> pieces, int history) => parts = [.. pieces.Select(piece => new Vectors(piece, history))];

    /// <summary>All vectors by parameter or piece, as stored in a checkpoint; pairs by age, the oldest is 0.</summary>
    public IEnumerable<(string Parameter, string Vector, Tensor Value)> State => parts.SelectMany(part => part.Named.Select(entry => (part.Piece.Name, entry.Vector, entry.Value)));

    /// <summary>What <see cref="LbfgsProducts"/> lists, of each piece by its parameter's name; pieces of one parameter in their order.</summary>
    public IReadOnlyList<KeyValuePair<string, IReadOnlyList<double>>> Products()
    {
        using var noGradient = no_grad();
        return [.. parts.Select(part => KeyValuePair.Create(part.Piece.Parameter.Name, part.Products()))];
    }

    public void Apply(LbfgsMove move)
    {
        using var noGradient = no_grad();
        foreach (var part in parts)
        {
            part.Apply(move);
        }
    }

    public void Dispose()
    {
        foreach (var part in parts)
        {
            part.Dispose();
        }
    }

    /// <summary>Of one piece.</summary>
    private sealed class Vectors : IDisposable
    {
        private readonly Tensor direction;
        private readonly Tensor start;
        private readonly Tensor startGradient;
        private Tensor[] steps;     // oldest first
        private Tensor[] changes;

        public Vectors(ParameterPiece piece, int history)
        {
            Piece = piece;
            (direction, start, startGradient) = (Zeros(), Zeros(), Zeros());
            steps = [.. Enumerable.Range(0, history).Select(_ => Zeros())];
            changes = [.. Enumerable.Range(0, history).Select(_ => Zeros())];

            Tensor Zeros() => zeros_like(piece.Value, ParameterAverages.Of(piece.Value.dtype), requires_grad: false).DetachFromDisposeScope();
        }

        public ParameterPiece Piece { get; }

        public IEnumerable<(string Vector, Tensor Value)> Named =>
        [
            ("direction", direction), ("start", start), ("start_gradient", startGradient),
            .. steps.Select((step, age) => ($"step_{age}", step)), .. changes.Select((change, age) => ($"change_{age}", change)),
        ];

        public IReadOnlyList<double> Products()
        {
            using var scope = NewDisposeScope();
            var gradient = Gradient();
            var change = Arithmetic.Subtract(gradient, startGradient);
            var products = DotProduct.Of(
            [
                (gradient, gradient), (gradient.abs(), ones_like(gradient)), (gradient, direction), (change, change), (change, direction), (change, gradient),
                .. steps.Zip(changes).SelectMany(pair => new[]
                {
                    (pair.First, gradient), (pair.First, change), (pair.Second, gradient), (pair.Second, change),
                }),
            ]);
            return products;
        }

        public void Apply(LbfgsMove move)
        {
            using var scope = NewDisposeScope();
            if (move.Taken is { } length)
            {
                (steps, changes) = ([.. steps[1..], steps[0]], [.. changes[1..], changes[0]]);
                steps[^1].copy_(Arithmetic.Scale(direction, length));
                changes[^1].copy_(Arithmetic.Subtract(Gradient(), startGradient));
            }

            if (move.Coefficients is { } coefficients)
            {
                start.copy_(Piece.Value);
                startGradient.copy_(Gradient());
                var sum = zeros_like(direction, ScalarType.Float64);
                foreach (var (vector, coefficient) in steps.Concat(changes).Append(startGradient).Zip(coefficients))
                {
                    if (coefficient != 0)
                    {
                        Arithmetic.AddScaledTo(sum, vector, coefficient);
                    }
                }

                direction.copy_(sum);
            }

            var value = start.to(ScalarType.Float64, copy: true);
            Arithmetic.AddScaledTo(value, direction, move.Length);
            Piece.Value.detach().copy_(value);
        }

        public void Dispose()
        {
            foreach (var (_, value) in Named)
            {
                value.Dispose();
            }

            Piece.Dispose();
        }

        private Tensor Gradient() => (Piece.Gradient
            ?? throw new InvalidOperationException($"no gradient reached the parameter {Piece.Parameter.Name}")).to(direction.dtype);
    }
}
