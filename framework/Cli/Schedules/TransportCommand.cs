using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Pipeline.Cli.Training;
using Pipeline.Runtime.StandIns;

namespace Pipeline.Cli.Schedules;

/// <summary><c>pipeline bench transport</c>: tensors between two processes of this machine.</summary>
internal static class TransportCommand
{
    private const string PeerName = "transport-peer";
    private static readonly int[] Sizes = [4 << 20, 64 << 10];

    public static Command Create()
    {
        var command = new Command(
            "transport", "Send tensors of 4 MiB and 64 KiB between two processes, and compare with loops over the same sockets that do nothing else.");
        var rounds = new Option<int>("--rounds")
        {
            Description = "Measurements of each kind, in turn; their medians are printed.",
            DefaultValueFactory = _ => 7,
            CustomParser = result => Number(result, "--rounds", 1, 1000, whole: true) is { } number ? (int)number : 0,
        };
        var seconds = new Option<double>("--seconds")
        {
            Description = "Of one measurement.",
            DefaultValueFactory = _ => 0.3,
            CustomParser = result => Number(result, "--seconds", 0.01, 60, whole: false) ?? 0,
        };
        var transports = new Option<string[]>("--transport")
        {
            Description = $"Measure one alone: {string.Join(", ", TransportBench.Transports)}. May be given several times.",
            DefaultValueFactory = _ => [.. TransportBench.Transports],
            CustomParser = Transports,
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        command.Add(rounds);
        command.Add(seconds);
        command.Add(transports);
        command.Add(json);
        command.SetAction(parsed =>
        {
            using var signals = new StopSignals();
            try
            {
                var result = TransportBench.Run(
                    parsed.GetValue(transports)!, Sizes, parsed.GetValue(rounds), TimeSpan.FromSeconds(parsed.GetValue(seconds)), last => OwnProgram.Start(["bench", PeerName, .. last]), signals.Stop);
                parsed.InvocationConfiguration.Output.Write(parsed.GetValue(json) ? JsonOutput.Of(result) : Text(result));
                return ExitCode.Done;
            }
            catch (OperationCanceledException)
            {
                return ExitCode.Interrupted;
            }
        });
        return command;
    }

    /// <summary>The second process, which the first one starts.</summary>
    public static Command CreatePeer()
    {
        var certificates = new Argument<string>("CERTIFICATES");
        var join = new Argument<string>("JOIN");
        var command = new Command(PeerName, "The second process of bench transport.") { certificates, join };
        command.Hidden = true;
        command.SetAction(parsed => TransportPeer.Run(Console.In, parsed.GetValue(certificates)!, parsed.GetValue(join)!));
        return command;
    }

    private static string[] Transports(ArgumentResult result)
    {
        var words = result.Tokens.Select(token => token.Value).ToArray();
        if (Array.Find(words, word => !TransportBench.Transports.Contains(word)) is { } unknown)
        {
            result.AddError($"--transport must be {string.Join(" or ", TransportBench.Transports)}, not \"{unknown}\".");
        }

        return words;
    }

    private static double? Number(ArgumentResult result, string option, double least, double most, bool whole)
    {
        var word = result.Tokens[0].Value;
        if (double.TryParse(word, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number >= least && number <= most && (!whole || number % 1 == 0))
        {
            return number;
        }

        result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option} must be a {(whole ? "whole " : "")}number from {least} to {most}, not \"{word}\"."));
        return null;
    }

    private static string Text(TransportBenchResult result)
    {
        var lines = new List<string> { "           tensor   plane        raw          plane/raw   one raw stream" };
        lines.AddRange(result.Throughput.Select(one => Line(
            $"{Name(one.Transport, one.Streams),-9}  {one.Bytes >> 10,4} KiB {Rate(one.Plane),-12} {Rate(one.RawStreams),-12} {one.Ratio,9:F2}   {Rate(one.Raw)}")));
        lines.AddRange(result.RoundTrips.Select(trip => Line(
            $"{trip.Transport}: {trip.Bytes} bytes there and back in {1e6 * trip.Median:F0} us (99%: {1e6 * trip.P99:F0} us); raw {1e6 * trip.RawMedian:F0} us (99%: {1e6 * trip.RawP99:F0} us)")));
        var pings = result.Pings;
        lines.Add(Line($"control messages there and back in {1e3 * pings.QuietMedian:F2} ms (99%: {1e3 * pings.QuietP99:F1} ms); beside tensors at full speed {1e3 * pings.Median:F2} ms (99%: {1e3 * pings.P99:F1} ms)"));
        return string.Join('\n', lines) + "\n";
    }

    private static string Name(string transport, int streams) => streams == 1 ? transport : $"{transport} x {streams}";

    private static string Rate(double bytes) => Line($"{bytes / 1e9:F2} GB/s");

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
