using ScottPlot;

namespace Pipeline.Cli.Inspect.Steps;

/// <summary>The boxes of a Gantt chart on a plot, with the micro-batch's number in those that have room for it.</summary>
/// <param name="boxes">With the height of the lane's middle.</param>
internal sealed class GanttBoxes(IReadOnlyList<(ChartBox Box, double Middle)> boxes, string font) : IPlottable
{
    private const double HalfHeight = 0.4;

    public bool IsVisible { get; set; } = true;

    public IAxes Axes { get; set; } = new Axes();

    public IEnumerable<LegendItem> LegendItems =>
        from paint in ActionPaint.All
        where boxes.Any(entry => ActionPaint.Of(entry.Box.Kind) == paint)
        select new LegendItem { LabelText = paint.Name, FillColor = Fill(paint, 0) };

    public AxisLimits GetAxisLimits() => AxisLimits.NoLimits;

    public void Render(RenderPack rp)
    {
        var label = new LabelStyle { FontName = font, FontSize = 12, Alignment = Alignment.MiddleCenter };
        foreach (var (box, middle) in boxes)
        {
            var paint = ActionPaint.Of(box.Kind);
            var area = Axes.GetPixelRect(new(box.Start * 1000, box.End * 1000, middle - HalfHeight, middle + HalfHeight));
            Drawing.FillRectangle(rp.Canvas, area, rp.Paint, new FillStyle(Fill(paint, box.Chunk)));
            // A thin edge in the background's colour tells neighbours apart; in slivers it would leave nothing of the box.
            if (area.Width > 4)
            {
                Drawing.DrawRectangle(rp.Canvas, area, rp.Paint, new LineStyle(1, Colors.White));
            }

            if (label.Measure(box.MicroBatch, rp.Paint).Width + 4 <= area.Width)
            {
                label.ForeColor = paint.Dark && box.Chunk % 2 == 0 ? Colors.White : Colors.Black;
                label.Render(rp.Canvas, area.Center, rp.Paint, box.MicroBatch);
            }
        }
    }

    /// <summary>Every other chunk of a rank is paler.</summary>
    private static Color Fill(ActionPaint paint, int chunk)
    {
        var full = new Color(paint.Red, paint.Green, paint.Blue);
        return chunk % 2 == 0 ? full : full.MixedWith(Colors.White, 0.45);
    }
}
