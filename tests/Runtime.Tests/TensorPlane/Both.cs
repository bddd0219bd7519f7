using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Tests.TensorPlane;

/// <summary>A link's two ends.</summary>
internal sealed class Both(ITensorLink one, ITensorLink other) : IDisposable
{
    public void Dispose()
    {
        one.Dispose();
        other.Dispose();
    }
}
