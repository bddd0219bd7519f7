using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Tests.TensorPlane;

/// <summary>What a drill does to a frame on its way is what a bad wire would do.</summary>
public class WireDamageTests
{
    public static TheoryData<Transport, int> TransportsAndSizes => new(
        from transport in Enum.GetValues<Transport>()
        from bytes in new[] { 1, 5_000, 40_000, 700_000, 3_000_000 }   // copied, gathered, in one piece and in several
        select (transport, bytes));

    [Theory]
    [MemberData(nameof(TransportsAndSizes))]
    public async Task A_flipped_bit_is_healed(Transport transport, int bytes)
    {
        using var plane = new TestPlane(transport);
        var (there, back) = await plane.LinkAsync();
        using var both = new Both(there, back);
        for (var i = 0; i < 3; i++)
        {
            there.Send(RandomFrames.OfBytes(bytes, i, i) with { Damage = i == 1 ? WireDamage.Flipped : WireDamage.None });
        }

        for (var i = 0; i < 3; i++)
        {
            using var frame = plane.AtListener.Next();
            using var expected = RandomFrames.OfBytes(bytes, frame.Key.Index, frame.Key.Index);
            Assert.True(RandomFrames.Bytes(expected.Single).AsSpan().SequenceEqual(RandomFrames.Bytes(frame.Single)));
        }

        Assert.Equal((1, 1), (plane.Listener.Refusals.Counts[Refusal.Payload], plane.Listener.Refusals.Total));
    }

    [Theory]
    [MemberData(nameof(TransportsAndSizes))]
    public async Task A_bit_flipped_twice_loses_the_link(Transport transport, int bytes)
    {
        using var plane = new TestPlane(transport);
        var (there, back) = await plane.LinkAsync();
        using var both = new Both(there, back);
        there.Send(RandomFrames.OfBytes(bytes) with { Damage = WireDamage.FlippedTwice });
        Assert.Contains("arrived damaged for the second time", await plane.AtListener.Lost, StringComparison.Ordinal);
        await plane.AtDialler.Lost;
        Assert.Equal(0, plane.AtListener.Frames);
    }

    /// <summary>Also where nothing else is sent after it.</summary>
    [Theory]
    [MemberData(nameof(TransportsAndSizes))]
    public async Task A_frame_left_out_loses_the_link(Transport transport, int bytes)
    {
        using var plane = new TestPlane(transport);
        var (there, back) = await plane.LinkAsync();
        using var both = new Both(there, back);
        there.Send(RandomFrames.OfBytes(bytes) with { Damage = WireDamage.Dropped });
        Assert.Matches(@"message \d+ arrived where \d+ was due", await plane.AtListener.Lost);
        await plane.AtDialler.Lost;
        Assert.Equal((0, 1), (plane.AtListener.Frames, plane.Listener.Refusals.Counts[Refusal.Sequence]));
    }
}
