using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary><c>pipeline schedule</c> and <c>pipeline simulate</c> as processes.</summary>
public sealed class ScheduleCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_schedule_is_printed_as_csv_and_read_back_as_custom()
    {
        var csv = Run("schedule zb-h1 --stages 2 --micro-batches 4 --csv");
        Assert.Equal(
            "0F0,0F1,0I0,0W0,0F2,0I1,0W1,0F3,0I2,0W2,0I3,0W3\n1F0,1I0,1F1,1I1,1W0,1F2,1I2,1W1,1F3,1I3,1W2,1W3\n", csv);
        File.WriteAllText(folder.File("mine.csv"), csv);
        Assert.Equal(csv, Run("schedule custom --file mine.csv --stages 2 --micro-batches 4 --chunks 1 --csv"));
    }

    [Fact]
    public void A_summary_says_times_bubble_and_memory() =>
        Assert.Equal(
            """
            1f1b: 2 stages of 1 chunk, 2 micro-batches; every action takes 1, a whole backward 2
              makespan          9
              longest span      9
              bubble            33.3%   by stage 33.3% 33.3%
              peak activations  2 1   micro-batches, by stage

                    |0             |5
            stage 0 F0-F1-      B0----   B1----
            stage 1    F0-B0----F1-B1----

            """,
            Run("schedule 1f1b --stages 2 --micro-batches 2"));

    [Fact]
    public void A_simulation_prints_one_json_object()
    {
        var json = JsonDocument.Parse(Run(
            "simulate zb-h2 --stages 8 --micro-batches 24 --forward 18.522ms --backward-input 18.086ms --backward-weight 9.337ms --transfer 601us --json"))
            .RootElement;
        Assert.Equal(0.1083, json.GetProperty("bubble_rate").GetDouble(), 1e-4);
        Assert.Equal(1.2366, json.GetProperty("longest_span").GetDouble(), 1e-3);
        Assert.Equal(Enumerable.Repeat(15.0, 8), json.GetProperty("peak_activations").EnumerateArray().Select(peak => peak.GetDouble()));
        Assert.Equal((8, 8), (json.GetProperty("bubble_rates").GetArrayLength(), json.GetProperty("spans").GetArrayLength()));
    }

    [Theory]
    [InlineData("--forward .5 --backward-input 1e0 --backward-weight 1", 10)]
    [InlineData("--forward 500ms --backward-input 1s --backward-weight 1000000us --transfer 0", 10)]
    [InlineData("--forward .5,.5 --backward-input 1,1 --backward-weight 1 --transfer .25", 10.5)]
    [InlineData("--forward .5 --backward-input 1 --backward-weight 1 --optimizer 1,2", 12)]
    public void Durations_are_read(string durations, double makespan) => Assert.Equal(
        makespan,
        JsonDocument.Parse(Run($"simulate gpipe --stages 2 --micro-batches 3 {durations} --json")).RootElement.GetProperty("makespan").GetDouble(),
        9);

    [Fact]
    public void Durations_of_each_chunk_choose_the_automatic_schedules_chunks()
    {
        var output = Run("simulate automatic --stages 2 --micro-batches 4 --forward 1,1,1,2 --backward-input 1 --backward-weight 1 --memory-limit 3");
        Assert.StartsWith("automatic: 2 stages of 2 chunks, 4 micro-batches; with these durations\n", output);
    }

    [Theory]
    [InlineData("schedule", "schedule: Required argument 'NAME' missing for command: 'schedule'.")]
    [InlineData("schedule zbv --stages 2 --micro-batches 3", "\"zbv\" is not a schedule; did you mean zb-v?")]
    [InlineData("schedule 1f1b --stages 4", "The schedule 1f1b needs --micro-batches.")]
    [InlineData("schedule 1f1b --stages 0 --micro-batches 3", "schedule: --stages must be a whole number from 1 to 1024, not \"0\".")]
    [InlineData("schedule dualpipe-v --stages 4 --micro-batches 3", "dualpipe-v needs at least 8 micro-batches for 4 stages, not 3.")]
    [InlineData("schedule custom --file nothing.csv", "nothing.csv: there is no such file.")]
    [InlineData("schedule custom --file mine.csv --stages 3", "--stages is 3, but mine.csv has 1 stages.")]
    [InlineData("schedule custom --file wrong.csv", "wrong.csv: Schedule custom, rank 0, cell 1: its forward has not run.\n0F0 [0B1] 0F1   <-- its forward has not run")]
    [InlineData("schedule gpipe --stages 2 --micro-batches 2 --csv --json", "Give only one of --csv, --gantt and --json.")]
    [InlineData("schedule zb-h2 --stages 4 --micro-batches 9 --memory-limit 4", "zb-h2 holds up to 7 micro-batches, more than --memory-limit 4.")]
    [InlineData("schedule automatic --stages 4 --micro-batches 8 --chunks 999", "automatic can have at most 1024 stages times chunks, not 3996.")]
    [InlineData(
        "schedule automatic --stages 4 --micro-batches 8 --memory-limit .5",
        "No schedule stays within a memory limit of 0.5 micro-batches; the smallest that would do is 1.")]
    [InlineData(
        "simulate gpipe --stages 2 --micro-batches 2 --forward 1ms --backward-input 1 --backward-weight 1",
        "--forward, --backward-input, --backward-weight, --transfer: give all durations with a unit (ms, us, s) or none.")]
    [InlineData(
        "simulate gpipe --stages 2 --micro-batches 2 --forward -1 --backward-input 1 --backward-weight 1",
        "--forward must be durations from 0 to 1e12 such as 0.5 or 12ms (or s, us), separated by commas, not \"-1\".")]
    [InlineData(
        "simulate gpipe --stages 2 --micro-batches 2 --forward 1,2,3 --backward-input 1 --backward-weight 1",
        "A list of durations must have 1 entry or one for each of the 2 stages, not 3 entries.")]
    public void Bad_input_gets_one_plain_sentence(string line, string sentence)
    {
        File.WriteAllText(folder.File("mine.csv"), "0F0,0B0\n");
        File.WriteAllText(folder.File("wrong.csv"), "0F0,0B1,0F1\n");
        var (code, output, errors) = Command.Run(folder.Path, line.Split(' '));
        Assert.Equal((2, "", sentence + "\n"), (code, output, errors));
    }

    private string Run(string line)
    {
        var (code, output, errors) = Command.Run(folder.Path, line.Split(' '));
        Assert.Equal((0, ""), (code, errors));
        return output;
    }
}
