using Pipeline.Core.Schedules;

namespace Pipeline.Cli.Schedules;

/// <summary>The text chart in a width that suits where it is printed.</summary>
internal static class Chart
{
    private const int Margin = 12;
    private const int Narrowest = 60;
    private const int WidestFile = 400;

    public static string Of(Simulation simulation)
    {
        var available = Console.IsOutputRedirected ? WidestFile : Math.Max(Narrowest, Console.WindowWidth - Margin);
        return Gantt.Draw(simulation, Math.Clamp(Gantt.NaturalWidth(simulation), 1, available));
    }
}
