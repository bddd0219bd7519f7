using System.Diagnostics;
using CsCheck;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.TensorPlane;

public class RoundTripTests
{
    [Theory]
    [InlineData(Transport.Unix)]
    [InlineData(Transport.Tcp)]
    [InlineData(Transport.Tls)]
    public async Task Any_frame_arrives_as_it_was_sent(Transport transport)
    {
        using var plane = new TestPlane(transport);
        var (there, back) = await plane.LinkAsync();
        using var both = new Both(there, back);
        RandomFrames.Any.Sample(
            from =>
            {
                using var expected = RandomFrames.Make(from);
                there.Send(RandomFrames.Make(from));
                using var arrived = plane.AtListener.Next();
                AssertSame(expected, arrived);
                back.Send(RandomFrames.Make(from));
                using var returned = plane.AtDialler.Next();
                AssertSame(expected, returned);
            },
            iter: 200, threads: 1);
        Assert.Equal(0, plane.Listener.Refusals.Total + plane.Dialler.Refusals.Total);
    }

    [Theory]
    [InlineData(Transport.Unix)]
    [InlineData(Transport.Tcp)]
    [InlineData(Transport.Tls)]
    public async Task Frames_and_credits_go_both_ways_at_once(Transport transport)
    {
        using var plane = new TestPlane(transport);
        var (there, back) = await plane.LinkAsync();
        using var both = new Both(there, back);
        for (var i = 0; i < 200; i++)
        {
            there.Send(RandomFrames.OfBytes(i % 10 == 0 ? 1_000_000 : 1000, i, i));
            back.Send(RandomFrames.OfBytes(i % 10 == 5 ? 1_000_000 : 1000, i, i));
            there.Send(new Credit(3, FrameKind.Gradient, i));
        }

        foreach (var inbox in new[] { plane.AtDialler, plane.AtListener })
        {
            var arrived = Enumerable.Range(0, 200).Select(_ => inbox.Next()).OrderBy(frame => frame.Key.Index).ToArray();
            for (var i = 0; i < 200; i++)
            {
                using var frame = arrived[i];
                using var expected = RandomFrames.OfBytes((int)frame.Single.numel(), i, i);
                AssertSame(expected, frame);
            }
        }

        var credits = Enumerable.Range(0, 200).Select(_ => plane.AtListener.NextCredit()).ToArray();
        Assert.Equal(Enumerable.Range(0, 200), credits.Select(credit => credit.Stage).Order());
        Assert.All(credits, credit => Assert.Equal((3, FrameKind.Gradient), (credit.Epoch, credit.Kind)));
    }

    [Fact]
    public async Task The_time_of_sending_is_told_in_the_receivers_clock()
    {
        using var plane = new TestPlane(Transport.Unix);
        var (there, back) = await plane.LinkAsync();
        using var both = new Both(there, back);
        var before = Stopwatch.GetTimestamp();
        there.Send(RandomFrames.OfBytes(64));
        using var frame = plane.AtListener.Next();

        // One process has one clock: what is left is the error of the estimate.
        Assert.InRange(Stopwatch.GetElapsedTime(before, frame.SentAt).TotalMilliseconds, -5, 25);
    }

    [Fact]
    public void A_tensor_beyond_two_gibibytes_has_its_bytes_in_pieces()
    {
        using var tensor = TensorMemory.Allocate(ScalarType.Byte, [3L << 30]);
        var memory = new TensorMemory(tensor);
        Assert.Equal(3L << 30, memory.Length);
        memory.Slice((3L << 30) - 2, 2)[1] = 7;
        using var last = tensor[(3L << 30) - 1];
        Assert.Equal(7, last.item<byte>());
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Slice((3L << 30) - 1, 2).Length);
    }

    private static void AssertSame(Frame expected, Frame arrived)
    {
        Assert.Equal((expected.Epoch, expected.Key, expected.Payload.Count), (arrived.Epoch, arrived.Key, arrived.Payload.Count));
        foreach (var (one, other) in expected.Payload.Zip(arrived.Payload))
        {
            Assert.Equal(one.dtype, other.dtype);
            Assert.Equal(one.shape, other.shape);
            Assert.True(RandomFrames.Bytes(one).AsSpan().SequenceEqual(RandomFrames.Bytes(other)));
        }
    }
}
