using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.Runs;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Pipeline.Cli.Inspect.Steps;

/// <summary>A step as a picture: measured above, planned below, on one time axis.</summary>
internal static class StepPicture
{
    private const int MostWidth = 3200;
    private const int LeastWidth = 1200;

    /// <summary>Width that a box needs for a number of two digits.</summary>
    private const double LabelWidth = 22;

    /// <exception cref="BadInputException">The file cannot be written.</exception>
    public static void Save(Inspection inspection, string path)
    {
        var plot = Draw(inspection, PictureFile.Font);
        var (width, height) = Size(inspection);
        PictureFile.Write(path, file => plot.Save(file, width, height));
    }

    private static Plot Draw(Inspection inspection, string font)
    {
        var plot = new Plot();
        var ticks = new NumericManual();
        var ranks = inspection.Schedule.Ranks.Count;
        var boxes = new List<(ChartBox, double)>();
        Add("measured", inspection.Measured, 0);
        Add("planned", inspection.Planned, -ranks - 1);
        plot.Add.Plottable(new GanttBoxes(boxes, font));

        plot.Title(string.Create(
            CultureInfo.InvariantCulture,
            $"{inspection.Schedule.Name}, step {inspection.Measured.Step}: bubble {Quantity.Percent(inspection.Measured.Bubble)} measured, "
            + $"{Quantity.Percent(inspection.Planned.Bubble)} planned"), 16);
        var chunks = inspection.Schedule.Stages > ranks ? ", paler boxes are every other chunk" : "";
        plot.XLabel($"milliseconds; numbers are micro-batches{chunks}", 13);
        plot.Axes.Left.TickGenerator = ticks;
        plot.Axes.Left.MajorTickStyle.Length = 0;
        plot.Axes.Left.FrameLineStyle.Width = 0;
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Grid.YAxisStyle.IsVisible = false;
        plot.Axes.SetLimits(0, Math.Max(inspection.Measured.Seconds, inspection.Planned.Seconds) * 1010, (-2 * ranks) - 1.6, 0.5);
        plot.Legend.Orientation = Orientation.Horizontal;
        plot.Legend.TightHorizontalWrapping = true;
        plot.Legend.OutlineWidth = 0;
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.FontName = font;
        plot.ShowLegend(Edge.Bottom);
        plot.Font.Set(font);
        return plot;

        void Add(string name, StepTrace step, double top)
        {
            var heading = plot.Add.Text($"{name}: {Quantity.Time(step.Seconds)}, bubble {Quantity.Percent(step.Bubble)}", 0, top);
            heading.LabelStyle.FontName = font;
            heading.LabelStyle.Bold = true;
            heading.LabelStyle.FontSize = 13;
            heading.LabelStyle.Alignment = Alignment.MiddleLeft;
            for (var rank = 0; rank < ranks; rank++)
            {
                ticks.AddMajor(top - 1 - rank, $"stage {rank}");
            }

            boxes.AddRange(ChartBox.Of(inspection.Schedule, step).Select(box => (box, top - 1 - box.Rank)));
        }
    }

    /// <summary>Wide enough for the numbers in most boxes, within reason.</summary>
    private static (int Width, int Height) Size(Inspection inspection)
    {
        var lengths = inspection.Planned.Ranks.SelectMany(rank => rank.Actions).Select(timed => timed.End - timed.Start).Where(length => length > 0).ToArray();
        var wanted = lengths.Length > 0 ? inspection.Planned.Seconds / lengths.Min() * LabelWidth : 0;
        var lanes = 2 * (inspection.Schedule.Ranks.Count + 1);
        return ((int)Math.Clamp(wanted, LeastWidth, MostWidth), 140 + (lanes * (lanes > 40 ? 22 : 34)));
    }
}
