using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

public sealed class BenchCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Real actors and messages around sleeping stages. The machine may be busy: how close the bubble comes to the simulated one is for
    /// the benchmark to say; here the two must be of one step.</summary>
    [Theory]
    [InlineData("1f1b", 0.2)]
    [InlineData("zb-v", 0.01)]
    public void A_schedule_runs_as_long_as_its_sleeping_stages_make_it(string schedule, double leastBubble)
    {
        var (code, output, errors) = Command.Run(
            folder.Path,
            "bench", "schedule", schedule, "--stages", "4", "--micro-batches", "8", "--forward", "5ms", "--backward-input", "5ms",
            "--backward-weight", "5ms", "--optimizer", "2ms", "--steps", "3", "--json");
        Assert.Equal((0, ""), (code, errors));
        var result = JsonDocument.Parse(output).RootElement;
        Assert.Equal((schedule, 2), (result.GetProperty("schedule").GetString(), result.GetProperty("steps").GetInt32()));
        Assert.True(result.GetProperty("step_seconds").GetDouble() > 8 * 0.015);
        Assert.InRange(result.GetProperty("simulated_seconds").GetDouble(), 8 * 0.015, 1.05 * result.GetProperty("step_seconds").GetDouble());
        Assert.InRange(result.GetProperty("simulated_bubble_rate").GetDouble(), leastBubble, 0.9);
        Assert.InRange(result.GetProperty("bubble_rate").GetDouble(), 0.001, 0.9);
        Assert.Equal(4, result.GetProperty("bubble_rates").GetArrayLength());
        Assert.True(result.TryGetProperty("overhead_seconds", out _) && result.TryGetProperty("transfer_seconds", out _));
    }

    /// <summary>How fast is for the benchmark to say; here both processes and all ways must be there.</summary>
    [Fact]
    public void Tensors_go_between_two_processes_every_way()
    {
        var (code, output, errors) = Command.Run(folder.Path, "bench", "transport", "--rounds", "1", "--seconds", "0.2", "--json");
        Assert.Equal((0, ""), (code, errors));
        var result = JsonDocument.Parse(output).RootElement;
        var ways = result.GetProperty("throughput").EnumerateArray().Select(one => (one.GetProperty("transport").GetString(), one.GetProperty("bytes").GetInt32()));
        Assert.Equal([("unix", 4 << 20), ("unix", 64 << 10), ("tcp", 4 << 20), ("tcp", 64 << 10), ("tls", 4 << 20), ("tls", 64 << 10)], ways);
        Assert.All(result.GetProperty("throughput").EnumerateArray(), one => Assert.True(one.GetProperty("plane").GetDouble() > 0));
        Assert.Equal(["unix", "tcp"], result.GetProperty("round_trips").EnumerateArray().Select(trip => trip.GetProperty("transport").GetString()));
        Assert.All(result.GetProperty("round_trips").EnumerateArray(), trip => Assert.InRange(trip.GetProperty("median").GetDouble(), 1e-6, 0.1));
    }

    [Theory]
    [InlineData("--rounds 0", "bench transport: --rounds must be a whole number from 1 to 1000, not \"0\".")]
    [InlineData("--seconds long", "bench transport: --seconds must be a number from 0.01 to 60, not \"long\".")]
    [InlineData("--transport pigeon", "bench transport: --transport must be unix or tcp or tls, not \"pigeon\".")]
    public void Wrong_input_of_the_transport_benchmark_is_refused(string options, string sentence)
    {
        var (code, output, errors) = Command.Run(folder.Path, ["bench", "transport", .. options.Split(' ')]);
        Assert.Equal((2, "", sentence + "\n"), (code, output, errors));
    }

    [Theory]
    [InlineData("--forward 1 --backward-input 1 --backward-weight 1", "bench schedule: stages sleep for real, so durations need a unit (ms, us, s).")]
    [InlineData("--forward 1ms --backward-input 1ms --backward-weight 1ms --steps 1", "bench schedule: --steps must be a whole number from 2 to 10000, not \"1\".")]
    public void Wrong_input_is_refused(string options, string sentence)
    {
        var (code, output, errors) = Command.Run(folder.Path, [.. "bench schedule 1f1b --stages 2 --micro-batches 2".Split(' '), .. options.Split(' ')]);
        Assert.Equal((2, "", sentence + "\n"), (code, output, errors));
    }
}
