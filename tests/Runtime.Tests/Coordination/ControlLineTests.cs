using System.Runtime.InteropServices;
using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Loading;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Coordination;

public sealed class ControlLineTests : IDisposable
{
    private readonly ActorSystem system = ActorSystem.Create("line", TrainingRun.Settings());
    private readonly List<(int? Worker, IControlMessage Message)> received = [];
    private readonly ControlLine line;

    public ControlLineTests()
    {
        LibTorch.Load();
        line = new(new ControlSerializer((ExtendedActorSystem)system), (worker, message) => received.Add((worker, message)), _ => { });
    }

    public void Dispose() => system.Terminate().Wait();

    [Fact]
    public void A_message_comes_to_its_worker_or_the_process_as_it_was()
    {
        var link = new Loop(line);
        line.Send(link, 5, new CommitStep(3, 7, 0.5, RunsNext: true));
        line.Send(link, 6, new RunStep(3, 8));
        line.Send(link, null, new PauseStages(4));
        Assert.Equal([(5, new CommitStep(3, 7, 0.5, RunsNext: true)), (6, new RunStep(3, 8)), (null, new PauseStages(4))], received);
    }

    [Theory]
    [InlineData("Activation", "RunStep", "{\"Epoch\":1,\"Step\":2}")]
    [InlineData("Control", "System.IO.FileInfo", "{\"FileName\":\"x\"}")]
    [InlineData("Control", "RunStep", "{\"Epoch\":1}")]
    [InlineData("Control", "RunStep", null)]
    public void What_is_no_control_message_ends_the_line(string kind, string manifest, string? json)
    {
        Tensor[] payload = [.. new[] { manifest, json }.OfType<string>().Select(text => tensor(Encoding.UTF8.GetBytes(text)))];
        Assert.Throws<SerializationException>(() => line.Receive(new Frame(1, new(0, Enum.Parse<FrameKind>(kind), 0, 0), payload, 0)));
        Assert.All(payload, one => Assert.True(one.IsInvalid));
        Assert.Empty(received);
    }

    [Fact]
    public void What_is_too_long_or_of_another_type_ends_the_line()
    {
        // But for that each would be a message.
        var json = "{\"Epoch\":1,\"Step\":2}";
        var tooLong = tensor(Encoding.UTF8.GetBytes(json.PadRight((4 << 20) + 4)));
        var numbers = tensor(MemoryMarshal.Cast<byte, float>(Encoding.UTF8.GetBytes(json.PadRight(24))).ToArray());
        foreach (var content in new[] { tooLong, numbers })
        {
            Assert.Throws<SerializationException>(() => line.Receive(new Frame(1, new(0, FrameKind.Control, 0, 0), [tensor("RunStep"u8.ToArray()), content], 0)));
        }

        Assert.Empty(received);
        Assert.Throws<SerializationException>(() => line.Receive(new Credit(1, FrameKind.Control, 0)));
    }

    private sealed class Loop(ILinkReceiver receiver) : ITensorLink
    {
        public void Send(Frame frame) => receiver.Receive(frame);

        public void Send(Credit credit) => receiver.Receive(credit);

        public void Abandon()
        {
        }

        public void Dispose()
        {
        }
    }
}
