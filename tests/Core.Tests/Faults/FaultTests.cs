using CsCheck;
using Pipeline.Core.Faults;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Tests.Faults;

public class FaultTests
{
    private const string Kinds = "kill, freeze, drop, corrupt, slow, fill-disk, nan, fail";
    private const string Common = "stage, step, replica";

    [Fact]
    public void A_specification_is_read_in_any_order_with_defaults()
    {
        Assert.Equal(new(FaultKind.Kill, 2, 17, FaultPhase.Backward), Fault.Parse("kill stage=2 step=17 phase=backward"));
        Assert.Equal(new(FaultKind.Kill, 2, 17, FaultPhase.Forward), Fault.Parse("  kill   step=17 stage=2 "));
        Assert.Equal(
            new(FaultKind.Freeze, 0, 3, FaultPhase.Ready, Replica: 1, Duration: TimeSpan.FromSeconds(6)), Fault.Parse("freeze for=6s phase=ready replica=1 stage=0 step=3"));
        Assert.Equal(TimeSpan.FromMilliseconds(1500), Fault.Parse("freeze for=1.5s stage=0 step=3").Duration);
        Assert.Equal(TimeSpan.FromMilliseconds(20), Fault.Parse("freeze for=20ms stage=0 step=3").Duration);
        Assert.Equal(new(FaultKind.Slow, 0, 3, FaultPhase.Forward, Factor: 2.5), Fault.Parse("slow stage=0 step=3 by=2.5"));
        Assert.Equal(new(FaultKind.FillDisk, 0, 3, FaultPhase.Checkpoint), Fault.Parse("fill-disk stage=0 step=3"));
        Assert.Equal(new(FaultKind.Corrupt, 0, 3, FaultPhase.Commit, Twice: true), Fault.Parse("corrupt stage=0 step=3 phase=commit twice=true"));
        Assert.Equal(new(FaultKind.Nan, 1, 4, FaultPhase.Forward, MicroBatch: 2), Fault.Parse("nan stage=1 step=4 micro-batch=2"));
    }

    [Theory]
    [InlineData("", $"it must begin with a kind of fault: {Kinds}.")]
    [InlineData("stage=1 step=2", $"it must begin with a kind of fault: {Kinds}.")]
    [InlineData("kil stage=1 step=2", $"it must begin with a kind of fault: {Kinds}; did you mean kill?")]
    [InlineData("Kill stage=1 step=2", $"it must begin with a kind of fault: {Kinds}; did you mean kill?")]
    [InlineData("kill stag=1 step=2", $"kill has no key stag; it has {Common}, phase, micro-batch; did you mean stage?")]
    [InlineData("kill stage=1 step=2 now", $"kill has no key now; it has {Common}, phase, micro-batch.")]
    [InlineData("kill stage=1 step=2 for=3s", $"kill has no key for; it has {Common}, phase, micro-batch.")]
    [InlineData("slow stage=1 step=2 by=3 phase=forward", $"slow has no key phase; it has {Common}, by.")]
    [InlineData("kill stage=1 step", "step has no value; write step=VALUE.")]
    [InlineData("kill stage=1 step=", "step has no value; write step=VALUE.")]
    [InlineData("kill stage=1 step=2 stage=1", "stage is given twice.")]
    [InlineData("kill stage=1", "step is missing; write step=NUMBER.")]
    [InlineData("kill step=1", "stage is missing; write stage=NUMBER.")]
    [InlineData("kill stage=1 step=0", "step must be a whole number of at least 1, not 0.")]
    [InlineData("kill stage=-1 step=1", "stage must be a whole number of at least 0, not -1.")]
    [InlineData("kill stage=9999999999 step=1", "stage must be a whole number of at least 0, not 9999999999.")]
    [InlineData("kill stage=1 step=1.5", "step must be a whole number of at least 1, not 1.5.")]
    [InlineData("kill stage=1 step=2 replica=x", "replica must be a whole number of at least 0, not x.")]
    [InlineData("kill stage=1 step=2 phase=backwards", "phase of kill must be one of forward, backward, ready, commit, checkpoint, not backwards; did you mean backward?")]
    [InlineData("nan stage=1 step=2 phase=ready", "phase of nan must be one of forward, backward, not ready.")]
    [InlineData("drop stage=1 step=2 phase=checkpoint", "phase of drop must be one of forward, backward, ready, commit, not checkpoint.")]
    [InlineData("fill-disk stage=1 step=2 phase=commit", "phase of fill-disk must be one of checkpoint, not commit.")]
    [InlineData("fail stage=1 step=2 phase=checkpoint", "phase of fail must be one of forward, backward, ready, commit, not checkpoint.")]
    [InlineData("kill stage=1 step=2 phase=ready micro-batch=1", "micro-batch goes with phase forward or backward alone.")]
    [InlineData("freeze stage=1 step=2", "for is missing; write for=6s or for=500ms.")]
    [InlineData("freeze stage=1 step=2 for=6", "for must be a time from 1ms to 3600s, such as 6s or 500ms, not 6.")]
    [InlineData("freeze stage=1 step=2 for=0s", "for must be a time from 1ms to 3600s, such as 6s or 500ms, not 0s.")]
    [InlineData("freeze stage=1 step=2 for=3601s", "for must be a time from 1ms to 3600s, such as 6s or 500ms, not 3601s.")]
    [InlineData("slow stage=1 step=2", "by is missing; write by=3.")]
    [InlineData("slow stage=1 step=2 by=1", "by must be a number above 1 and at most 1000, not 1.")]
    [InlineData("slow stage=1 step=2 by=NaN", "by must be a number above 1 and at most 1000, not NaN.")]
    [InlineData("corrupt stage=1 step=2 twice=yes", "twice must be true or false, not yes.")]
    public void What_is_no_fault_is_refused_with_a_sentence(string text, string sentence) =>
        Assert.Equal($"--inject \"{text}\": {sentence}", Assert.Throws<BadInputException>(() => Fault.Parse(text)).Message);

    [Fact]
    public void Its_text_is_read_as_the_same_fault() => AnyFault.Sample(fault => Assert.Equal(fault, Fault.Parse(fault.ToString())));

    /// <summary>Whatever is typed, the answer is a fault or one sentence.</summary>
    [Fact]
    public void No_text_does_anything_else_than_be_read_or_refused() =>
        Gen.Select(AnyFault, Gen.Int[0, 80], Gen.Char).Sample((fault, at, letter) =>
        {
            var text = fault.ToString();
            var changed = at < text.Length ? $"{text[..at]}{letter}{text[(at + 1)..]}" : $"{text}{letter}";
            try
            {
                _ = Fault.Parse(changed);
            }
            catch (BadInputException refusal)
            {
                Assert.StartsWith("--inject \"", refusal.Message, StringComparison.Ordinal);
                Assert.Single(refusal.Message.Split('\n'));
            }
        });

    [Theory]
    [InlineData("kill stage=1 step=10", null)]
    [InlineData("kill stage=2 step=1", "stage must be below parallel.stages, which is 2, not 2")]
    [InlineData("kill stage=1 step=1 replica=2", "replica must be below parallel.replicas, which is 2, not 2")]
    [InlineData("kill stage=1 step=11", "step must be at most job.steps, which is 10, not 11")]
    [InlineData("kill stage=1 step=1 micro-batch=1", null)]
    [InlineData("kill stage=1 step=1 micro-batch=2", "micro-batch must be below the number of micro-batches of a replica, which is 2, not 2")]
    [InlineData("kill stage=1 step=8 phase=checkpoint", null)]
    [InlineData("kill stage=1 step=10 phase=checkpoint", null)]
    [InlineData(
        "fill-disk stage=1 step=6",
        "there is no checkpoint of step 6; there is one every checkpoint.every = 4 steps (0: none) and one of the last step, 10")]
    public void A_job_says_whether_it_can_happen(string text, string? problem) => Assert.Equal(problem, Fault.Parse(text).Problem(Job(2)));

    [Fact]
    public void One_stage_hands_nothing_on_that_could_be_no_number() => Assert.Equal(
        "nan goes into what stages hand each other, so parallel.stages must be at least 2", Fault.Parse("nan stage=0 step=1").Problem(Job(1)));

    private static JobFile Job(int stages) => new(
        new(Steps: 10), new AnyModel("any", 4, 1, 1, 1), new TextDataSettings(["x"]), new(Sequences: 4, MicroBatches: 4), new(Stages: stages, Replicas: 2), new(), new(), new(),
        new(Every: 4), new());

    private static Gen<Fault> AnyFault { get; } =
        Gen.Select(Gen.Enum<FaultKind>(), Gen.Int[0, 20], Gen.Long[1, 1_000_000], Gen.Int[0, 100], Gen.Int[0, 3], Gen.Int[1, 3_600_000], Gen.Double[1.01, 999], Gen.Bool).Select(
            (kind, stage, step, phase, replica, milliseconds, factor, flag) =>
            {
                var phases = FaultRules.Of[kind].Phases;
                var at = phases[phase % phases.Count];
                return new Fault(
                    kind, stage, step, at, replica, FaultRules.Of[kind].Keys.Contains("micro-batch") && at <= FaultPhase.Backward && flag ? phase : null,
                    kind == FaultKind.Freeze ? TimeSpan.FromMilliseconds(milliseconds) : null, kind == FaultKind.Slow ? factor : null, kind == FaultKind.Corrupt && flag);
            });

    private sealed record AnyModel(string Architecture, int Layers, int Width, int Context, int? Vocabulary) : ModelSettings(Architecture, Layers, Width, Context, Vocabulary);
}
