using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Generation;

/// <summary>Runs a stage's layers forward alone, with a cache for each request. All calls come from one thread; the constructor sets libtorch's number
/// of threads for it.</summary>
public sealed class GenerationStage : IDisposable
{
    private readonly Device device;
    private readonly ScalarType compute;
    private readonly Dictionary<string, Tensor> parameters = new(StringComparer.Ordinal);
    private readonly List<Layer> layers = [];
    private readonly Dictionary<int, Cache> caches = [];

    public GenerationStage(GenerationPlan plan, int stage)
    {
        set_num_threads(plan.ThreadsPerStage);
        (device, compute) = (plan.Devices[stage], Precision.Of(plan.Precision.Compute));
        var definitions = plan.Model.Layers.Take(plan.Cuts[stage]).ToArray();
        try
        {
            foreach (var parameter in definitions.SelectMany(layer => layer.Parameters).DistinctBy(parameter => parameter.Name))
            {
                parameters.Add(parameter.Name, empty([.. parameter.Shape], Precision.Of(plan.Precision.Parameters), device).DetachFromDisposeScope());
            }

            plan.Load(parameters);
            layers.AddRange(definitions.Select(layer => layer.Build(
                layer.Parameters.ToDictionary(parameter => parameter.Name, parameter => parameters[parameter.Name], StringComparer.Ordinal))));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs the next tokens of a request.</summary>
    /// <param name="position">Of the first of them; those before it have been run.</param>
    /// <param name="input">Token ids, int64 (1, length), on the first stage; what the stage before returned on others. The stage disposes it.</param>
    /// <returns>The output of the stage's last layer, the caller's: logits (1, length, rows) on the last stage.</returns>
    public Tensor Forward(int request, long position, Tensor input)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using (input)
        {
            if (!caches.TryGetValue(request, out var cache))
            {
                caches.Add(request, cache = new());
            }

            if (cache.Length != position)
            {
                throw new InvalidOperationException($"position {position} came when {cache.Length} was next");
            }

            var pass = new Pass(0, 0, 0, Training: false, compute) { Cache = cache };
            var value = input.to(device).detach();
            var length = value.shape[1];
            foreach (var layer in layers)
            {
                using var within = NewDisposeScope();
                value = layer.Forward(value, pass).MoveToOuterDisposeScope();
            }

            cache.Advance(length);
            return value.DetachFromDisposeScope();
        }
    }

    /// <summary>The same on the last stage.</summary>
    /// <returns>The logits behind the last of these tokens.</returns>
    public float[] Logits(int request, long position, Tensor input)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var output = Forward(request, position, input);
        var last = output.narrow(1, output.shape[1] - 1, 1).to(ScalarType.Float32).cpu().contiguous();
        using var elements = last.data<float>();
        return elements.ToArray();
    }

    /// <summary>Nothing more will come of the request.</summary>
    public void Forget(int request)
    {
        if (caches.Remove(request, out var cache))
        {
            cache.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var cache in caches.Values)
        {
            cache.Dispose();
        }

        foreach (var parameter in parameters.Values)
        {
            parameter.Dispose();
        }

        caches.Clear();
        parameters.Clear();
    }
}
