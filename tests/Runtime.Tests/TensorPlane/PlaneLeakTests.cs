using Pipeline.Runtime.Tests.Runs;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.TensorPlane;

[Collection(nameof(Alone))]
public class PlaneLeakTests
{
    [Theory]
    [InlineData(Transport.Unix)]
    [InlineData(Transport.Tls)]
    public async Task Links_that_end_and_links_that_break_leave_no_tensors(Transport transport)
    {
        var before = Alone.LiveTensors();
        for (var i = 0; i < 4; i++)
        {
            using var plane = new TestPlane(transport);
            var (there, back) = await plane.LinkAsync();
            for (var n = 0; n < 20; n++)
            {
                there.Send(RandomFrames.OfBytes(1_000_000, n));
                back.Send(RandomFrames.OfBytes(1000, n));
            }

            (i % 2 == 0 ? there : back).Dispose();
            there.Send(RandomFrames.OfBytes(10));
            back.Send(RandomFrames.OfBytes(10));
            there.Dispose();
            back.Dispose();
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public async Task A_broken_connection_leaves_no_tensors()
    {
        var before = Alone.LiveTensors();
        for (var i = 0; i < 5; i++)
        {
            using var plane = new TestPlane(Transport.Tcp);
            using var proxy = new FlippingProxy(plane.Address);
            var (there, back) = await plane.LinkAsync(proxy.Address);
            using var both = new Both(there, back);
            for (var n = 0; n < 30; n++)
            {
                there.Send(RandomFrames.OfBytes(1_000_000, n));
            }

            plane.AtListener.Next().Dispose();
            proxy.Cut();
            await plane.AtListener.Lost;
            await plane.AtDialler.Lost;
            there.Send(RandomFrames.OfBytes(10));
        }

        Assert.Equal(before, Tensor.TotalCount);
    }
}
