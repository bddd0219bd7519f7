using System.Globalization;
using Pipeline.Core;
using ScottPlot;
using SkiaSharp;

namespace Pipeline.Cli.Inspect.Functions;

/// <summary>Learned functions as a picture: for each layer a grid of panels, one a function, with the curve and its best fit. Where all functions of a
/// layer are shown and there is room, inputs are rows and outputs are columns.</summary>
internal static class FunctionPicture
{
    private const int PanelWidth = 360;
    private const int PanelHeight = 280;
    private const int HeadingHeight = 44;
    private const int MostColumns = 6;
    private const int UsualColumns = 4;

    private static readonly Color Curve = new(0x3B, 0x6F, 0xB0);
    private static readonly Color Fit = new(0xE0, 0x6C, 0x1F);

    /// <exception cref="BadInputException">The file cannot be written.</exception>
    public static void Save(IReadOnlyList<FittedLayer> layers, string path)
    {
        FittedLayer[] shown = [.. layers.Where(layer => layer.Edges.Count > 0)];
        var width = shown.Max(Columns) * PanelWidth;
        var height = shown.Sum(HeightOf);
        PictureFile.Write(path, file =>
        {
            using var stream = File.Create(file);
            if (PictureFile.IsVector(file))
            {
                using var canvas = SKSvgCanvas.Create(SKRect.Create(width, height), stream);
                Draw(canvas, shown);
            }
            else
            {
                using var surface = SKSurface.Create(new SKImageInfo(width, height));
                Draw(surface.Canvas, shown);
                using var image = surface.Snapshot();
                using var data = image.Encode(SKEncodedImageFormat.Png, 100);
                data.SaveTo(stream);
            }
        });
    }

    private static void Draw(SKCanvas canvas, IReadOnlyList<FittedLayer> layers)
    {
        canvas.Clear(SKColors.White);
        using var paint = Paint.NewDisposablePaint();
        var top = 0;
        foreach (var layer in layers)
        {
            Heading(layer).Render(canvas, new Pixel(12, top + (HeadingHeight / 2)), paint);
            var columns = Columns(layer);
            for (var i = 0; i < layer.Edges.Count; i++)
            {
                var (left, above) = (i % columns * PanelWidth, top + HeadingHeight + (i / columns * PanelHeight));
                Panel(layer.Edges[i]).Render(canvas, new PixelRect(left, left + PanelWidth, above + PanelHeight, above));
            }

            top += HeightOf(layer);
        }
    }

    private static LabelStyle Heading(FittedLayer fitted)
    {
        var (layer, count) = (fitted.Layer, fitted.Edges.Count);
        var pruned = count < layer.Wanted ? $"; the strongest {count} of {layer.Wanted} functions" : "";
        return new()
        {
            Text = $"{layer.Name}: {layer.Inputs} inputs, {layer.Outputs} outputs{pruned}; learned (line) and best fit (dashes)",
            FontName = PictureFile.Font,
            FontSize = 16,
            Bold = true,
            Alignment = Alignment.MiddleLeft,
        };
    }

    private static Plot Panel(FittedEdge fitted)
    {
        var (edge, best) = (fitted.Edge, fitted.Fits[0]);
        double[] x = [.. edge.X];
        var plot = new Plot();
        plot.RenderManager.ClearCanvasBeforeEachRender = false;
        var curve = plot.Add.ScatterLine(x, [.. edge.Y], Curve);
        curve.LineWidth = 3;
        var fit = plot.Add.ScatterLine(x, [.. x.Select(best.At)], Fit);
        fit.LineWidth = 2;
        fit.LinePattern = LinePattern.Dashed;
        plot.Title(string.Create(
            CultureInfo.InvariantCulture,
            $"{edge.Input} -> {edge.Output}: {best.Candidate.Name}, R2 {best.R2:F4}, share {Quantity.Percent(edge.Share)}\n{best.Formula}"), 13);
        plot.Axes.Title.Label.Bold = false;
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Font.Set(PictureFile.Font);
        return plot;
    }

    private static int Columns(FittedLayer fitted) => fitted.Edges.Count == fitted.Layer.Inputs * (long)fitted.Layer.Outputs && fitted.Layer.Outputs <= MostColumns
        ? fitted.Layer.Outputs
        : Math.Min(UsualColumns, fitted.Edges.Count);

    private static int HeightOf(FittedLayer layer) =>
        HeadingHeight + ((layer.Edges.Count + Columns(layer) - 1) / Columns(layer) * PanelHeight);
}
