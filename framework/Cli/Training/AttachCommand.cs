using System.CommandLine;
using Pipeline.Cli.Cluster;
using Pipeline.Runtime.Cluster;
using Pipeline.Stages;

namespace Pipeline.Cli.Training;

/// <summary><c>pipeline attach</c>: shows a run that goes on in a cluster, to its end.</summary>
internal static class AttachCommand
{
    public static Command Create()
    {
        var cluster = new ClusterOptions();
        cluster.Join.Required = true;
        var name = new Argument<string?>("name")
        {
            Description = "The run's job.name or directory; not needed where one run goes on.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var stop = new Option<bool>("--stop") { Description = "End the run cleanly after the step under way, with a checkpoint." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object, the run's summary, and nothing else on standard output." };
        var command = new Command("attach", "Show a run that goes on in a cluster; Ctrl-C leaves it alone.") { name, stop, json };
        foreach (var option in cluster.All)
        {
            command.Add(option);
        }

        command.SetAction((parsed, _) => RunAsync(
            new(cluster.Visitor(parsed), parsed.GetRequiredValue(cluster.Join)!, parsed.GetValue(cluster.Insecure), Families.All),
            Line(parsed, cluster),
            parsed.GetValue(name),
            parsed.GetValue(stop),
            parsed.GetValue(json)));
        return command;
    }

    /// <summary>The command as a user would type it.</summary>
    /// <param name="cluster">The options of the command that was given.</param>
    public static string Line(ParseResult parsed, ClusterOptions cluster) =>
        string.Join(' ', ["pipeline attach", "--join", parsed.GetValue(cluster.Join), .. cluster.Further(parsed)]);

    private static async Task<int> RunAsync(RunClient client, string line, string? name, bool stops, bool json)
    {
        using var signals = new StopSignals(withTerminal: false);
        using var screen = new RunScreen(json);
        try
        {
            if (await client.AttachAsync(name, stops, screen, signals.Stop) is not { } summary)
            {
                return screen.Leave(line, name);
            }

            if (!screen.HasShown)
            {
                screen.Line($"The run {summary.Name} has ended already.");
            }

            return screen.Finish(summary);
        }
        catch (RunStoppedException stopped)
        {
            Console.Error.WriteLine(stopped.Message);
            return ExitCode.Interrupted;
        }
        catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
    }
}
