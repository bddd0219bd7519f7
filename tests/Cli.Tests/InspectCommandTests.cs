using System.Text.Json;
using System.Xml.Linq;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>One small run, looked at in every way.</summary>
public sealed class InspectCommandTests(InspectCommandTests.Trained run) : IClassFixture<InspectCommandTests.Trained>
{
    [Fact]
    public void Text_shows_the_last_step_measured_and_planned()
    {
        var (code, output, errors) = Command.Run(run.Folder.Path, "inspect", "run");
        Assert.Equal((0, ""), (code, errors));
        var lines = output.Split('\n').Select(line => line.TrimEnd()).ToArray();
        Assert.Equal("Step 20 of 1 to 20: 1f1b, 2 stages, 4 micro-batches.", lines[0]);
        Assert.Matches(@"^Measured: [\d.]+ ms, bubble [\d.]+%\. Planned: [\d.]+ ms, bubble [\d.]+%\.$", lines[1]);
        Assert.Matches(@"^The slowest stage is [01]: [\d.]+ ms of work, [\d.]+ times the mean\.$", lines[2]);
        Assert.Equal(2, lines.Count(line => line.StartsWith("stage 0 F", StringComparison.Ordinal)));
        Assert.Equal(2, lines.Count(line => line.StartsWith("stage 1  ", StringComparison.Ordinal)));   // it waits for the first
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 120));
        Assert.DoesNotContain('\u001b', output);
    }

    [Fact]
    public void Json_agrees_with_the_trace()
    {
        var (code, output, _) = Command.Run(run.Folder.Path, "inspect", "run", "--json", "--step", "12");
        Assert.Equal(0, code);
        using var document = JsonDocument.Parse(output);
        var report = document.RootElement;
        Assert.Equal((12, 1, 20), (report.GetProperty("step").GetInt32(), report.GetProperty("first_step").GetInt32(), report.GetProperty("last_step").GetInt32()));
        var slices = Slices(12);
        var begin = slices.Min(slice => slice.Start);
        var seconds = slices.Max(slice => slice.End) - begin;
        var busy = slices.GroupBy(slice => slice.Stage).OrderBy(stage => stage.Key).Select(stage => stage.Sum(slice => slice.End - slice.Start)).ToArray();
        Assert.Equal(seconds, report.GetProperty("measured").GetProperty("seconds").GetDouble(), 1e-7);
        Assert.Equal(1 - (busy.Average() / seconds), report.GetProperty("measured").GetProperty("bubble").GetDouble(), 1e-6);
        var stages = report.GetProperty("stages").EnumerateArray().ToArray();
        Assert.Equal(busy, stages.Select(stage => stage.GetProperty("busy_seconds").GetDouble()), (one, other) => Math.Abs(one - other) < 1e-7);
        Assert.Equal(busy[0] > busy[1] ? 0 : 1, report.GetProperty("slowest_stage").GetInt32());
        Assert.Equal([2, 1], stages.Select(stage => stage.GetProperty("peak_in_flight").GetDouble()));
        Assert.All(stages, stage => Assert.InRange(
            stage.GetProperty("transfer_seconds").GetDouble(), 0, seconds * stage.GetProperty("bubble").GetDouble()));
    }

    [Fact]
    public void The_plan_is_the_simulation_of_the_runs_own_mean_times()
    {
        var (_, output, _) = Command.Run(run.Folder.Path, "inspect", "run", "--json");
        using var document = JsonDocument.Parse(output);
        var mean = Enumerable.Range(2, 19).SelectMany(Slices).GroupBy(slice => (slice.Stage, Kind: slice.Name.Contains('F') ? 'F' : slice.Name.Contains('B') ? 'B' : '='))
            .ToDictionary(kind => kind.Key, kind => kind.Average(slice => slice.End - slice.Start));
        var transfer = document.RootElement.GetProperty("transfer_seconds").GetDouble();
        // 1F1B on two stages: the second alternates, and the first's forwards and backwards fit into its gaps or hold it up.
        var (free, arrives) = (new double[2], new Dictionary<string, double>());
        foreach (var action in "0F0 0F1 1F0 1B0 0B0 0F2 1F1 1B1 0B1 0F3 1F2 1B2 0B2 1F3 1B3 0B3".Split(' '))
        {
            var (stage, other) = (action[0] - '0', action[0] == '0' ? '1' : '0');
            var needs = (action[0] == '0') == (action[1] == 'B') ? arrives[$"{other}{action[1..]}"] : 0;
            free[stage] = Math.Max(free[stage], needs) + mean[(stage, action[1])];
            arrives[action] = free[stage] + transfer;
        }

        var expected = free.Max() + Math.Max(mean[(0, '=')], mean[(1, '=')]);
        Assert.Equal(expected, document.RootElement.GetProperty("planned").GetProperty("seconds").GetDouble(), 1e-6);
    }

    [Fact]
    public void A_picture_is_written_as_its_file_ending_says()
    {
        var (code, output, errors) = Command.Run(run.Folder.Path, "inspect", "run", "--picture", "step.png");
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains("Picture: step.png", output, StringComparison.Ordinal);
        Assert.Equal("PNG"u8.ToArray(), File.ReadAllBytes(run.Folder.File("step.png"))[1..4]);

        Assert.Equal(0, Command.Run(run.Folder.Path, "inspect", "run", "--picture", "step.svg").ExitCode);
        var texts = XDocument.Load(run.Folder.File("step.svg")).Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value.Trim()).ToArray();
        foreach (var text in new[] { "stage 0", "stage 1", "forward", "backward", "optimizer" })
        {
            Assert.Contains(text, texts);
        }

        Assert.Equal(2, texts.Count(text => text.StartsWith("measured: ", StringComparison.Ordinal) || text.StartsWith("planned: ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("inspect", "inspect: Required argument 'PATH' missing for command: 'inspect'.")]
    [InlineData("inspect nowhere", "nowhere: there is no such run directory.")]
    [InlineData("inspect .", ". has no trace.json; a run writes it when it ends.")]
    [InlineData("inspect run --step 21", "--step: the trace holds the steps 1 to 20, not 21.")]
    [InlineData("inspect run --step 0", "--step: the trace holds the steps 1 to 20, not 0.")]
    [InlineData("inspect run --step last", "inspect: --step must be a whole number, not \"last\".")]
    [InlineData("inspect run --picture step.jpg", "--picture: step.jpg must end in .png or .svg.")]
    [InlineData("inspect run --picture nowhere/step.png", "--picture: there is no folder nowhere.")]
    [InlineData("inspect run --layer 1", "--layer goes with a checkpoint's folder, or a run directory and --functions: it is about learned functions.")]
    [InlineData("inspect run --top 2", "--top goes with a checkpoint's folder, ")]
    [InlineData("inspect run --functions --step 20", "--step goes with a run directory without --functions: it is about a step of its trace.")]
    [InlineData("inspect run/checkpoints/step-00000020 --step 20", "--step goes with a run directory without --functions: ")]
    [InlineData("inspect run --functions --edges 0", "--edges must be at least 1, not 0.")]
    [InlineData("inspect run --functions --top 0", "--top must be at least 1, not 0.")]
    [InlineData("inspect run --functions --top few", "inspect: --top must be a whole number, not \"few\".")]
    [InlineData("inspect run --functions --input -1", "inspect: --input must be a whole number, not \"-1\".")]
    [InlineData("inspect run --functions --input 2147483648", "inspect: --input must be a whole number up to 2147483647, not \"2147483648\".")]
    [InlineData("inspect nowhere --functions", "nowhere: there is no such folder; name a checkpoint's folder or a run directory.")]
    [InlineData("inspect run --functions --picture functions.pdf", "--picture: functions.pdf must end in .png or .svg.")]
    [InlineData("inspect run --functions", "@run/checkpoints/step-00000020: a model of the architecture gpt2, as its settings are, has no learned edge functions; ")]
    [InlineData("inspect run --functions --layer h.0", "@run/checkpoints/step-00000020: a model of the architecture gpt2, as its settings are, has no learned edge functions; ")]
    [InlineData("inspect run --functions --layer h.0 --picture functions.png", "@run/checkpoints/step-00000020: a model of the architecture gpt2, ")]
    [InlineData("inspect run/checkpoints/step-00000020", "@run/checkpoints/step-00000020: a model of the architecture gpt2, ")]
    [InlineData("inspect broken", "broken/trace.json cannot be read as a run's trace: ")]
    public void Bad_input_gets_one_plain_sentence(string line, string sentence)
    {
        var (code, output, errors) = Command.Run(run.Folder.Path, line.Split(' '));
        Assert.Equal((2, ""), (code, output));
        // A checkpoint's folder is named with its whole path.
        Assert.StartsWith(sentence.Replace("@", run.Folder.Path + "/", StringComparison.Ordinal), errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
    }

    private IEnumerable<(int Stage, string Name, double Start, double End)> Slices(int step)
    {
        using var trace = JsonDocument.Parse(File.ReadAllText(run.Folder.File("run/trace.json")));
        return [.. from slice in trace.RootElement.GetProperty("traceEvents").EnumerateArray()
                   where slice.GetProperty("ph").GetString() == "X" && slice.GetProperty("args").GetProperty("step").GetInt32() == step
                   let start = slice.GetProperty("ts").GetDouble() / 1e6
                   select (slice.GetProperty("tid").GetInt32(), slice.GetProperty("name").GetString()!, start, start + (slice.GetProperty("dur").GetDouble() / 1e6))];
    }

    public sealed class Trained : IDisposable
    {
        public Trained()
        {
            File.WriteAllText(Folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
            File.WriteAllText(Folder.File("job.hocon"), """
                job   { name = small, steps = 20, directory = run }
                model { architecture = gpt2, layers = 2, width = 16, heads = 2, context = 16 }
                data  { files = text.txt }
                parallel { stages = 2 }
                """);
            Assert.Equal(0, Command.Run(Folder.Path, "train", "job.hocon").ExitCode);
            Directory.CreateDirectory(Folder.File("broken"));
            File.WriteAllText(Folder.File("broken/trace.json"), File.ReadAllText(Folder.File("run/trace.json"))[..5000]);
        }

        internal TemporaryFolder Folder { get; } = new();

        public void Dispose() => Folder.Dispose();
    }
}
