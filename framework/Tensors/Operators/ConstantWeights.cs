using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>A stage's weights as constants in the type that it computes in: cast and transposed once a step instead of once a micro-batch, in training.
/// Whoever changes a weight calls <see cref="Clear"/>.</summary>
public sealed class ConstantWeights : IDisposable
{
    private readonly Dictionary<(Tensor Weight, ScalarType Type), Tensor> transposed = new(ByReference.Instance);
    private readonly Dictionary<(Tensor Weight, ScalarType Type), Tensor> plain = new(ByReference.Instance);
    private readonly Dictionary<ScalarType, Tensor> zero = [];

    /// <summary>(inputs, outputs) of a weight (outputs, inputs).</summary>
    internal Tensor Transposed(Tensor weight, ScalarType type) => Get(transposed, (weight, type), () => weight.detach().to(type).t());

    internal Tensor Plain(Tensor weight, ScalarType type) => Get(plain, (weight, type), () => weight.detach().to(type));

    /// <summary>One zero, of one dimension.</summary>
    internal Tensor Zero(ScalarType type, Device device) => Get(zero, type, () => zeros(1, type, device));

    public void Clear()
    {
        foreach (var tensor in transposed.Values.Concat(plain.Values))
        {
            tensor.Dispose();
        }

        transposed.Clear();
        plain.Clear();
    }

    public void Dispose()
    {
        Clear();
        foreach (var tensor in zero.Values)
        {
            tensor.Dispose();
        }

        zero.Clear();
    }

    private static Tensor Get<T>(Dictionary<T, Tensor> known, T key, Func<Tensor> make)
        where T : notnull
    {
        if (!known.TryGetValue(key, out var tensor))
        {
            using var scope = NewDisposeScope();
            tensor = make().DetachFromDisposeScope();
            known.Add(key, tensor);
        }

        return tensor;
    }

    /// <summary>Equality of tensors is that of their elements.</summary>
    private sealed class ByReference : IEqualityComparer<(Tensor Weight, ScalarType Type)>
    {
        public static readonly ByReference Instance = new();

        public bool Equals((Tensor Weight, ScalarType Type) x, (Tensor Weight, ScalarType Type) y) =>
            ReferenceEquals(x.Weight, y.Weight) && x.Type == y.Type;

        public int GetHashCode((Tensor Weight, ScalarType Type) key) =>
            HashCode.Combine(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(key.Weight), key.Type);
    }
}
