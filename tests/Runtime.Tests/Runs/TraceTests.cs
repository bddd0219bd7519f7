using System.Text.Json;
using Pipeline.Core;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Runs;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>trace.json as a viewer takes it, and as it is read back.</summary>
public class TraceTests
{
    [Fact]
    public async Task Every_transfer_is_one_arrow_from_the_slice_that_gives_to_the_slice_that_takes()
    {
        using var run = new TestRun();
        await run.RunAsync("parallel.stages=3");
        var arrows = Arrows(Events(Path.Combine(run.Directory, "trace.json")));
        var expected = from step in Enumerable.Range(1, 12)
                       from microBatch in Enumerable.Range(0, 4)
                       from pair in new[] { "0F 1F", "1F 2F", "2B 1B", "1B 0B" }
                       select (step, string.Join(' ', pair.Split(' ').Select(action => $"{action}{microBatch}")));
        Assert.Equal(expected.Order(), arrows.Order());
    }

    [Fact]
    public async Task Each_step_has_its_own_optimizer_on_every_track_after_the_actions()
    {
        using var run = new TestRun();
        await run.RunAsync("parallel.stages=2", "evaluation.every=5", "evaluation.batches=1");
        var trace = ChromeTraceReader.Read(Path.Combine(run.Directory, "trace.json"));
        Assert.Equal(Enumerable.Range(1, 12).Select(step => (long)step), trace.Steps.Select(step => step.Step));
        Assert.All(trace.Steps, step => Assert.All(step.Ranks, rank =>
        {
            Assert.True(rank.Optimizer!.Value.Start >= step.Ranks.Max(other => other.Actions[^1].End));
            Assert.True(rank.Optimizer.Value.Seconds > 0);
        }));
        Assert.Equal(12 * 2 * 4, trace.Steps.Sum(step => trace.Transfers(step).Count()));
        Assert.Equal(ScheduleCatalog.Create("1f1b", 2, 1, 4).ToCsv(), trace.Schedule.ToCsv());
    }

    [Fact]
    public void What_a_rank_gives_itself_has_no_arrow_and_split_backwards_have_their_own_categories()
    {
        using var folder = new TemporaryFolder();
        var path = Write(folder, Fold());
        var events = Events(path);
        Assert.Equal(["0F0 1F0", "1I0 0I0", "2F0 3F0", "3I0 2I0"], Arrows(events).Select(arrow => arrow.Names).Order());
        Assert.Equal(
            ["forward 4", "input gradient 4", "optimizer 2", "weight gradient 4"],
            events.Where(e => Text(e, "ph") == "X").GroupBy(e => Text(e, "cat")).Select(kind => $"{kind.Key} {kind.Count()}").Order());
    }

    [Fact]
    public void What_is_read_is_what_was_written_to_the_nanosecond()
    {
        using var folder = new TemporaryFolder();
        var written = Fold();
        var read = ChromeTraceReader.Read(Write(folder, written));
        Assert.Equal((written.Schedule.Name, written.Schedule.ToCsv()), (read.Schedule.Name, read.Schedule.ToCsv()));
        foreach (var (before, after) in written.Steps[0].Ranks.Zip(read.Steps[0].Ranks))
        {
            Assert.All(before.Actions.Zip(after.Actions), pair => Assert.Equal(pair.First.Start, pair.Second.Start, 1e-9));
            Assert.Equal(before.Optimizer!.Value.End, after.Optimizer!.Value.End, 1e-9);
        }
    }

    [Fact]
    public void Mean_times_are_those_that_the_step_was_made_of()
    {
        var times = Fold().MeanTimes();
        Assert.All(new[] { times.Forward, times.InputGradient, times.WeightGradient }, durations => Assert.Equal([1, 1, 1, 1], durations));
        Assert.Equal(0.25, times.Transfer, 1e-12);   // of the hand-overs that were waited for
        Assert.Equal([0.5, 0.5], times.Optimizer!);
    }

    [Fact]
    public void A_whole_backward_counts_as_an_input_gradient_so_that_the_plan_gives_it_its_time()
    {
        var schedule = ScheduleCatalog.Create("1f1b", 2, 1, 4);
        var trace = new RunTrace(schedule, [StepTrace.Of(1, Simulator.Run(schedule, new([1, 2], [3, 4], [5, 6], 0.5)))]);
        var times = trace.MeanTimes();
        Assert.Equal([8, 10], times.InputGradient);
        Assert.Equal([0, 0], times.WeightGradient);
    }

    [Theory]
    [InlineData("{", "", "Expected depth")]
    [InlineData("traceEvents", "events", "The given key was not present in the dictionary.")]
    [InlineData("\"ph\":\"X\"", "\"ph\":\"Y\"", "holds no step")]
    [InlineData("1F0", "1F7", "micro-batches are numbered 0 to 0.")]
    [InlineData("1F0", "1Q0", "is not an action")]
    [InlineData("\"tid\":1", "\"tid\":2", "step 7 lacks a stage.")]
    [InlineData("\"dur\":", "\"dur\":-", "a slice ends before it starts.")]
    public void A_damaged_trace_is_refused_in_one_sentence(string written, string planted, string sentence)
    {
        using var folder = new TemporaryFolder();
        var path = Write(folder, Fold());
        var text = File.ReadAllText(path);
        File.WriteAllText(path, planted.Length == 0 ? text[..^1] : text.Replace(written, planted, StringComparison.Ordinal));
        var refusal = Assert.Throws<BadInputException>(() => ChromeTraceReader.Read(path)).Message;
        Assert.StartsWith(path, refusal, StringComparison.Ordinal);
        Assert.Contains(sentence, refusal, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal);
    }

    /// <summary>A step of four stages folded onto two ranks: the first holds the pipeline's two ends.</summary>
    private static RunTrace Fold()
    {
        var rows = new[] { "0F0,3F0,3I0,3W0,0I0,0W0", "1F0,2F0,2I0,1I0,2W0,1W0" };
        var schedule = new Schedule("fold", 1, [.. rows.Select(row => row.Split(',').Select(PipelineAction.Parse).ToArray())]);
        return new(schedule, [StepTrace.Of(7, Simulator.Run(schedule, new([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], 0.25, [0.5, 0.5])))]);
    }

    private static string Write(TemporaryFolder folder, RunTrace trace)
    {
        using var stream = File.Create(folder.File("trace.json"));
        ChromeTrace.Write(stream, trace);
        return stream.Name;
    }

    /// <summary>Each arrow as the names of the slices at its two ends, found by track and time as a viewer finds them.</summary>
    private static IReadOnlyList<(int Step, string Names)> Arrows(JsonElement[] events)
    {
        var ends = events.Where(e => Text(e, "ph") is "s" or "f").GroupBy(e => e.GetProperty("id").GetInt32()).ToArray();
        return [.. ends.Select(arrow =>
        {
            var (tail, head) = (Assert.Single(arrow, e => Text(e, "ph") == "s"), Assert.Single(arrow, e => Text(e, "ph") == "f"));
            Assert.Equal((2, "e"), (arrow.Count(), Text(head, "bp")));
            Assert.True(Number(tail, "ts") <= Number(head, "ts"));
            Assert.NotEqual(Number(tail, "tid"), Number(head, "tid"));
            var (from, to) = (Around(tail), Around(head));
            Assert.Equal(Number(from, "ts") + Number(from, "dur"), Number(tail, "ts"), 0.0011);   // microseconds
            Assert.Equal(Number(to, "ts"), Number(head, "ts"));
            Assert.Equal(Step(from), Step(to));
            return (Step(from), $"{Text(from, "name")} {Text(to, "name")}");
        })];

        JsonElement Around(JsonElement end) => Assert.Single(events, e => Text(e, "ph") == "X" && Number(e, "tid") == Number(end, "tid")
            && Number(e, "ts") <= Number(end, "ts") && Number(end, "ts") < Number(e, "ts") + Number(e, "dur"));
    }

    private static JsonElement[] Events(string path) =>
        [.. JsonDocument.Parse(File.ReadAllText(path)).RootElement.GetProperty("traceEvents").EnumerateArray()];

    private static int Step(JsonElement slice) => slice.GetProperty("args").GetProperty("step").GetInt32();

    private static string Text(JsonElement e, string key) => e.GetProperty(key).GetString()!;

    private static double Number(JsonElement e, string key) => e.GetProperty(key).GetDouble();
}
