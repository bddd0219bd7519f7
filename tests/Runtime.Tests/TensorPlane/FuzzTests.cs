using System.Buffers.Binary;
using System.IO.Hashing;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Tests.Runs;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.TensorPlane;

[Collection(nameof(Alone))]
public class FuzzTests
{
    private const int Frames = 120_000;
    private const int Links = 300;
    private const int Greetings = 500;

    /// <summary>Each through the same reader that links have: no more is allocated than frames may have, nothing damaged gets through.</summary>
    [Fact]
    public void Whatever_is_not_a_frame_is_refused()
    {
        var valid = Enumerable.Range(0, 8).Select(i => RawClient.Bytes(TestPlane.Name, RandomFrames.OfBytes(10 * i, i, i))).ToArray();
        var (random, before, refused, memory) = (new Random(1), Alone.LiveTensors(), 0, 0L);
        for (var i = 0; i < Frames; i++)
        {
            refused += IsRefused(Mutate(valid[i % valid.Length], random)) ? 1 : 0;
            memory = i == Frames / 4 ? Environment.WorkingSet : memory;
        }

        Assert.Equal(Frames, refused);
        Assert.Equal(before, Tensor.TotalCount);
        Assert.InRange(Environment.WorkingSet - memory, long.MinValue, 64 << 20);
        Assert.All(valid, bytes => Assert.False(IsRefused(bytes)));
    }

    [Fact]
    public async Task A_listening_plane_refuses_counts_and_goes_on()
    {
        using var plane = new TestPlane(Transport.Tcp);
        var (random, before, lost) = (new Random(2), Alone.LiveTensors(), 0);
        for (var i = 0; i < Greetings; i++)
        {
            using var client = new RawClient(plane.Address);
            var bytes = new byte[random.Next(Hello.Size, 300)];
            random.NextBytes(bytes);
            client.Stream.Write(bytes);
            Assert.Contains(client.Answer(), new[] { -1, 1 + (int)Refusal.Greeting });
        }

        Assert.Equal(Greetings, plane.Listener.Refusals.Counts[Refusal.Greeting]);
        for (var i = 0; i < Links; i++)
        {
            var (inbox, name) = (new Inbox(), TestPlane.Name with { Epoch = 10 + i });
            var accepted = plane.Listener.AcceptAsync(name, inbox, CancellationToken.None);
            using var client = new RawClient(plane.Address);
            Assert.Equal(0, client.Greet(name));
            client.Stream.Write(Mutate(RawClient.Bytes(name, RandomFrames.OfBytes(64, i, i)), random));
            client.Stream.Close();
            using var link = await accepted;
            lost += (await inbox.Lost).Contains("ended", StringComparison.Ordinal) ? 0 : 1;
            Assert.Equal(0, inbox.Frames);
        }

        Assert.Equal(Links, lost);
        Assert.Equal(before, Tensor.TotalCount);
        var (there, back) = await plane.LinkAsync(name: TestPlane.Name with { Epoch = 10_000 });
        using var both = new Both(there, back);
        there.Send(RandomFrames.OfBytes(64));
        plane.AtListener.Next().Dispose();
    }

    private static bool IsRefused(byte[] bytes)
    {
        var reader = new MessageReader(new MemoryStream(bytes), TestPlane.Name, fromDialler: true, maximumBytes: 1 << 16);
        try
        {
            var (header, shapes) = reader.Next();
            if (header.Kind != MessageKind.Tensors)
            {
                return header.Reference != header.Sequence;
            }

            var tensors = reader.ReadTensors(shapes);
            Array.ForEach(tensors ?? [], tensor => tensor.Dispose());
            return tensors is null;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Cuts it off, damages it, or says something impossible with right checksums.</summary>
    private static byte[] Mutate(byte[] valid, Random random)
    {
        var bytes = valid.ToArray();
        switch (random.Next(6))
        {
            case 0:
                return bytes[..random.Next(bytes.Length)];
            case 1:
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 2:
                random.NextBytes(bytes);
                return bytes;
            case 3:
                // one of the sizes: of the payload, or of the tensor
                var size = random.Next(2) == 0 ? long.MinValue >> random.Next(62) : (1L << random.Next(10, 62)) + 1;
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(random.Next(2) == 0 ? 48 : MessageHeader.Size + 2), size);
                break;
            case 4:
                // magic, version, kind, count, sequence number, epoch, stage, index, workers, table, frame kind, direction
                bytes[new[] { 1, 4, 6, 7, 9, 31, 59, 63, 64, 69, 73, 74, 75 }[random.Next(13)]] ^= 0xF0;
                break;
            default:
                // element type, dimensions
                bytes[MessageHeader.Size + random.Next(2)] ^= (byte)(16 << random.Next(4));
                break;
        }

        return Seal(bytes);
    }

    private static byte[] Seal(byte[] bytes)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(MessageHeader.Size - 8), XxHash3.HashToUInt64(bytes.AsSpan(0, MessageHeader.Size - 8)));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(MessageHeader.Size + 10), XxHash3.HashToUInt64(bytes.AsSpan(MessageHeader.Size, 10)));
        return bytes;
    }
}
