using CsCheck;
using Pipeline.Core.Partitioning;

namespace Pipeline.Core.Tests.Partitioning;

public class LayerSplitTests
{
    /// <summary>Whole costs, so that sums are exact, of an embedding, some layers and a head; and no more stages than layers.</summary>
    private static Gen<(double[] Costs, int Stages)> Models { get; } =
        from costs in Gen.Int[0, 20].Select(cost => (double)cost).Array[3, 11]
        from stages in Gen.Int[1, costs.Length - 2]
        select (costs, stages);

    [Fact]
    public void Stages_take_all_layers_in_order_and_each_at_least_one_between_embedding_and_head() =>
        Gen.Select(Models, Gen.Bool).Sample((model, even) =>
        {
            var cuts = even ? LayerSplit.Even(model.Costs.Length, model.Stages) : LayerSplit.Balanced(model.Costs, model.Stages)!;
            Assert.Equal(Enumerable.Range(0, model.Costs.Length), cuts.SelectMany(cut => Enumerable.Range(0, model.Costs.Length).Take(cut)));
            Assert.Equal(model.Stages, cuts.Count);
            Assert.All(Inner(cuts, model.Costs.Length), count => Assert.True(count >= 1));
        });

    [Fact]
    public void Even_counts_differ_by_one_at_most() =>
        Models.Sample(model =>
        {
            var counts = Inner(LayerSplit.Even(model.Costs.Length, model.Stages), model.Costs.Length);
            Assert.True(counts.Max() - counts.Min() <= 1);
        });

    [Fact]
    public void Automatic_cuts_have_the_cheapest_possible_most_expensive_stage() =>
        Models.Sample(model =>
        {
            var best = AllCuts(model.Costs.Length, model.Stages).Min(cuts => MostExpensive(cuts, model.Costs));
            Assert.Equal(best, MostExpensive(LayerSplit.Balanced(model.Costs, model.Stages)!, model.Costs));
        });

    /// <summary>A limit that each stage has for itself, as memory is.</summary>
    [Fact]
    public void Automatic_cuts_keep_every_stage_within_its_limit_where_any_cut_does() =>
        Gen.Select(Models, Gen.Int[1, 9].Array[11]).Sample((model, limits) =>
        {
            bool Fits(int stage, Range cut) => model.Costs[cut].Length <= limits[stage];
            var possible = AllCuts(model.Costs.Length, model.Stages).Where(cuts => cuts.Select((cut, stage) => Fits(stage, cut)).All(fits => fits)).ToArray();
            var chosen = LayerSplit.Balanced(model.Costs, model.Stages, Fits);
            Assert.Equal(possible.Length == 0, chosen is null);
            if (chosen is not null)
            {
                Assert.All(chosen.Select((cut, stage) => Fits(stage, cut)), Assert.True);
                Assert.Equal(possible.Min(cuts => MostExpensive(cuts, model.Costs)), MostExpensive(chosen, model.Costs));
            }
        });

    [Theory]
    [InlineData("even", 6, 3, "0..3 3..5 5..8")]
    [InlineData("even", 5, 2, "0..3 3..7")]
    [InlineData("even", 7, 3, "0..3 3..5 5..9")]
    [InlineData("even", 4, 1, "0..6")]
    [InlineData("even", 3, 3, "0..2 2..3 3..5")]
    [InlineData("1,4,1", 6, 3, "0..2 2..6 6..8")]
    [InlineData("4,1,1", 6, 3, "0..5 5..6 6..8")]
    [InlineData("6", 6, 1, "0..8")]
    public void Counts_are_of_the_layers_between_embedding_and_head(string rule, int layers, int stages, string cuts) =>
        Assert.Equal(cuts, string.Join(' ', rule == "even" ? LayerSplit.Even(layers + 2, stages) : LayerSplit.Listed(layers + 2, rule.Split(','))));

    [Theory]
    [InlineData("0 1 1 1 1 0", 2, "0..3 3..6")]
    [InlineData("0 1 1 1 1 3", 2, "0..4 4..6")] // The head is dear: its stage takes one layer less than half.
    [InlineData("2 1 1 1 1 0", 2, "0..2 2..6")]
    [InlineData("0 1 1 1 0", 2, "0..3 3..5")] // Of two as good the one that gives the first stage more.
    [InlineData("0 5 1 1 1 0", 2, "0..2 2..6")]
    [InlineData("0 1 1 0", 2, "0..2 2..4")]
    public void Automatic_cuts_weigh_embedding_and_head_too(string costs, int stages, string cuts) =>
        Assert.Equal(
            cuts,
            string.Join(' ', LayerSplit.Balanced([.. costs.Split(' ').Select(cost => double.Parse(cost))], stages)!));

    [Fact]
    public void More_stages_than_layers_are_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => LayerSplit.Balanced(new double[4], 3));

    private static int[] Inner(IReadOnlyList<Range> cuts, int layers) =>
        [.. cuts.Select(cut => Enumerable.Range(1, layers - 2).Intersect(Enumerable.Range(0, layers).Take(cut)).Count())];

    private static double MostExpensive(IReadOnlyList<Range> cuts, double[] costs) => cuts.Max(cut => costs[cut].Sum());

    private static IEnumerable<IReadOnlyList<Range>> AllCuts(int layers, int stages) =>
        Counts(layers - 2, stages).Select(counts => LayerSplit.Listed(layers, [.. counts.Select(count => $"{count}")]));

    /// <summary>All ways to give so many layers to so many stages, at least one to each.</summary>
    private static IEnumerable<int[]> Counts(int layers, int stages) =>
        stages == 1
            ? [[layers]]
            : from first in Enumerable.Range(1, layers - stages + 1)
              from rest in Counts(layers - first, stages - 1)
              select (int[])[first, .. rest];
}
