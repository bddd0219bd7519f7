using Pipeline.Core.Faults;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Faults;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Tests.TensorPlane;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Faults;

public class StageFaultsTests
{
    private static readonly Workers Workers = new(Ranks: 3, Replicas: 2);

    [Fact]
    public void A_worker_has_its_own_faults_alone()
    {
        var fired = new List<string>();
        for (var worker = 0; worker < Workers.Count; worker++)
        {
            var faults = StageFaults.Of(["nan stage=1 step=2", "nan stage=1 step=3 replica=1"], worker, Workers);
            var number = worker;
            faults.Fired = fault => fired.Add($"{number}: {fault}");
            for (var step = 1; step < 5; step++)
            {
                faults.Before(step, PipelineAction.Forward(1, 0), null);
            }
        }

        Assert.Equal(["1: nan stage=1 step=2 phase=forward", "4: nan stage=1 step=3 replica=1 phase=forward"], fired);
    }

    [Fact]
    public void A_fault_happens_once_and_at_its_place()
    {
        var faults = StageFaults.Of(["fail stage=0 step=2 phase=backward micro-batch=1"], 0, Workers);
        for (var step = 1; step < 4; step++)
        {
            faults.At(FaultPhase.Ready, step);
            faults.At(FaultPhase.Commit, step);
            faults.Before(step, PipelineAction.Forward(0, 1), null);
            faults.Before(step, PipelineAction.WeightGradient(0, 1), null);
            faults.Before(step, PipelineAction.Backward(0, 0), null);
        }

        Assert.Throws<InvalidOperationException>(() => faults.Before(2, PipelineAction.InputGradient(0, 1), null));
        faults.Before(2, PipelineAction.InputGradient(0, 1), null);   // the step is taken once more
    }

    [Fact]
    public void What_is_not_a_number_goes_in_or_where_nothing_does_out()
    {
        using var scope = NewDisposeScope();
        var faults = StageFaults.Of(["nan stage=0 step=1", "nan stage=0 step=2"], 0, Workers);
        Assert.True(faults.Before(1, PipelineAction.Forward(0, 0), ones(3))!.isnan().all().item<bool>());
        Assert.False(faults.After(ones(3))!.isnan().any().item<bool>());
        Assert.Null(faults.Before(2, PipelineAction.Forward(0, 0), null));
        Assert.True(faults.After(ones(3))!.isnan().all().item<bool>());
        Assert.False(faults.After(ones(3))!.isnan().any().item<bool>());
    }

    [Fact]
    public void A_disk_is_full_when_half_is_written_and_only_once()
    {
        var faults = StageFaults.Of(["fill-disk stage=0 step=2"], 0, Workers);
        Assert.Null(faults.WhileWriting(1));
        var write = faults.WhileWriting(2)!;
        write(0, 100);
        write(49, 100);
        Assert.Equal("No space left on device", Assert.Throws<IOException>(() => write(50, 100)).Message);
        write(60, 100);
        Assert.Null(faults.WhileWriting(2));
    }

    /// <summary>The frame is not copied where nothing is to happen to it.</summary>
    [Fact]
    public void Without_faults_everything_passes_as_it_is()
    {
        var faults = StageFaults.Of(null, 0, Workers);
        using var tensor = ones(3);
        Assert.Same(tensor, faults.Before(1, PipelineAction.Forward(0, 0), tensor));
        Assert.Same(tensor, faults.After(tensor));
        using var frame = RandomFrames.OfBytes(10);
        Assert.Same(frame, faults.OnWire(frame, new Nowhere()));
        Assert.Null(faults.WhileWriting(1));
    }

    /// <summary>Only a wire damages frames.</summary>
    [Fact]
    public void A_frame_to_the_same_process_is_not_the_next_on_a_wire()
    {
        var faults = StageFaults.Of(["drop stage=0 step=1 phase=ready"], 0, Workers);
        faults.At(FaultPhase.Ready, 1);
        using var frame = RandomFrames.OfBytes(10);
        Assert.Same(frame, faults.OnWire(frame, new Nowhere()));
    }

    private sealed class Nowhere : ITensorLink
    {
        public void Send(Frame frame) => throw new NotSupportedException();

        public void Send(Credit credit) => throw new NotSupportedException();

        public void Abandon()
        {
        }

        public void Dispose()
        {
        }
    }
}
