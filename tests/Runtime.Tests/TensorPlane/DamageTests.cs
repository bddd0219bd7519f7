using System.Diagnostics;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Tests.TensorPlane;

public class DamageTests
{
    /// <summary>Of a frame with one tensor of one dimension, before its payload.</summary>
    private const int Front = MessageHeader.Size + 2 + 8 + 8;

    private const int Bytes = 300_000;

    /// <summary>With the checksum.</summary>
    private const int Whole = Front + Bytes + 8;

    [Theory]
    [InlineData(100)]
    [InlineData(Bytes - 1)]
    [InlineData(Bytes + 3)]
    public async Task A_payload_damaged_once_is_sent_once_more(int at)
    {
        using var plane = new TestPlane(Transport.Tcp);
        using var proxy = new FlippingProxy(plane.Address, FlippingProxy.Messages + Front + at);
        var (there, back) = await plane.LinkAsync(proxy.Address);
        using var both = new Both(there, back);
        for (var i = 0; i < 3; i++)
        {
            there.Send(RandomFrames.OfBytes(Bytes, i, i));
        }

        var arrived = Enumerable.Range(0, 3).Select(_ => plane.AtListener.Next()).ToArray();
        Assert.Equal([0, 1, 2], arrived.Select(frame => frame.Key.Index).Order());
        foreach (var frame in arrived)
        {
            using var expected = RandomFrames.OfBytes(Bytes, frame.Key.Index, frame.Key.Index);
            Assert.True(RandomFrames.Bytes(expected.Single).AsSpan().SequenceEqual(RandomFrames.Bytes(frame.Single)));
            frame.Dispose();
        }

        Assert.Equal((1, 1), (plane.Listener.Refusals.Counts[Refusal.Payload], plane.Listener.Refusals.Total));
        there.Dispose();
        Assert.EndsWith("ended its link.", await plane.AtListener.Lost, StringComparison.Ordinal);
        Assert.Equal(0, plane.AtListener.Frames);
    }

    [Fact]
    public async Task A_payload_damaged_twice_loses_the_link()
    {
        using var plane = new TestPlane(Transport.Tcp);
        using var proxy = new FlippingProxy(plane.Address, FlippingProxy.Messages + Front + 100, FlippingProxy.Messages + Whole + Front + 100);
        var (there, back) = await plane.LinkAsync(proxy.Address);
        using var both = new Both(there, back);
        there.Send(RandomFrames.OfBytes(Bytes));
        Assert.Contains("arrived damaged for the second time", await plane.AtListener.Lost, StringComparison.Ordinal);
        await plane.AtDialler.Lost;
        Assert.Equal(2, plane.Listener.Refusals.Counts[Refusal.Payload]);
        Assert.Equal((0, 1, 1), (plane.AtListener.Frames, plane.AtListener.Losses, plane.AtDialler.Losses));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    [InlineData(50)]
    [InlineData(MessageHeader.Size - 1)]
    [InlineData(MessageHeader.Size + 3)]
    public async Task A_damaged_header_loses_the_link(int at)
    {
        using var plane = new TestPlane(Transport.Tcp);
        using var proxy = new FlippingProxy(plane.Address, FlippingProxy.Messages + at);
        var (there, back) = await plane.LinkAsync(proxy.Address);
        using var both = new Both(there, back);
        there.Send(RandomFrames.OfBytes(Bytes));
        Assert.Contains("was closed", await plane.AtListener.Lost, StringComparison.Ordinal);
        Assert.Equal((1, 1), (plane.Listener.Refusals.Counts[Refusal.Header], plane.Listener.Refusals.Total));
        Assert.Equal(0, plane.AtListener.Frames);
    }

    [Fact]
    public async Task A_frame_sent_again_by_somebody_else_loses_the_link()
    {
        using var plane = new TestPlane(Transport.Tcp);
        var accepted = plane.Listener.AcceptAsync(TestPlane.Name, plane.AtListener, CancellationToken.None);
        using var client = new RawClient(plane.Address);
        Assert.Equal(0, client.Greet(TestPlane.Name));
        using var link = await accepted;
        var bytes = RawClient.Bytes(TestPlane.Name, RandomFrames.OfBytes(64));
        client.Stream.Write(bytes);
        plane.AtListener.Next().Dispose();
        client.Stream.Write(bytes);
        Assert.Contains("message 0 arrived where 1 was due", await plane.AtListener.Lost, StringComparison.Ordinal);
        Assert.Equal(1, plane.Listener.Refusals.Counts[Refusal.Sequence]);
        Assert.Equal(0, plane.AtListener.Frames);
    }

    [Fact]
    public async Task A_peer_that_dies_is_noticed_at_once()
    {
        using var plane = new TestPlane(Transport.Tcp);
        using var proxy = new FlippingProxy(plane.Address);
        var (there, back) = await plane.LinkAsync(proxy.Address);
        using var both = new Both(there, back);
        there.Send(RandomFrames.OfBytes(64));
        plane.AtListener.Next().Dispose();
        var begin = Stopwatch.GetTimestamp();
        proxy.Cut();
        Assert.StartsWith("The connection to worker 0 at 127.0.0.1:", await plane.AtListener.Lost, StringComparison.Ordinal);
        Assert.StartsWith("The connection to worker 1 at 127.0.0.1:", await plane.AtDialler.Lost, StringComparison.Ordinal);
        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalSeconds, 0, 0.5);
    }

    [Theory]
    [InlineData(Transport.Unix)]
    [InlineData(Transport.Tls)]
    public async Task A_link_that_is_disposed_brings_out_what_was_sent_and_says_goodbye(Transport transport)
    {
        using var plane = new TestPlane(transport);
        var (there, back) = await plane.LinkAsync();
        for (var i = 0; i < 50; i++)
        {
            there.Send(RandomFrames.OfBytes(Bytes, i));
        }

        there.Dispose();
        Assert.Equal("ended its link.", (await plane.AtListener.Lost)[^15..]);
        back.Dispose();
        Assert.Equal((50, 1, 0), (plane.AtListener.Frames, plane.AtListener.Losses, plane.AtDialler.Losses));
    }
}
