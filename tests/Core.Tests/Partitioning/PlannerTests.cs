using Pipeline.Core.Partitioning;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Partitioning;

public class PlannerTests
{
    /// <summary>An embedding, four equal layers, a head: F = 2, I = 3, W = 1 of a layer; activations of 10 bytes, inputs of 2; parameters of 100.</summary>
    private static readonly LayerProfile[] Model =
    [
        new("embedding", 0, 0, 0, 0, 2, 0, 50),
        .. Enumerable.Range(0, 4).Select(index => new LayerProfile($"h.{index}", 2, 3, 1, 0.5, 2, 10, 100)),
        new("head", 0, 0, 0, 0, 2, 0, 50),
    ];

    [Fact]
    public void A_step_is_the_simulation_of_the_stages_sums_with_the_optimizer_behind()
    {
        var prediction = Plan("none").Predict(ScheduleCatalog.Create("1f1b", 2, 1, 4))!;
        // Two layers a stage: F 4, B 8; 1f1b takes (m + p - 1)(F + B), and each stage's optimizer 1.
        Assert.Equal((5 * 12) + 1, prediction.Simulation.Makespan, 1e-9);
        Assert.Equal([0..3, 3..6], prediction.Cuts);
    }

    [Fact]
    public void Memory_is_four_times_the_parameters_and_the_most_activations_alive()
    {
        var prediction = Plan("none").Predict(ScheduleCatalog.Create("1f1b", 2, 1, 4))!;
        Assert.Equal([(4 * 250) + (2 * 20), (4 * 250) + (1 * 20)], prediction.Bytes);
    }

    [Fact]
    public void Replicas_that_share_the_optimizer_have_each_their_part_of_the_moments()
    {
        LayerProfile[] tied = [.. Model[..5], Model[5] with { TiedBytes = 30 }];
        var planner = new Planner(tied, new("none"), ["auto"], 0, null, optimizerShards: 4);
        Assert.Equal([(2 * 250) + (2 * 250 / 4) + (2 * 20), (2 * 250) + (2 * 220 / 4) + (1 * 20)], planner.Predict(ScheduleCatalog.Create("1f1b", 2, 1, 4))!.Bytes);
    }

    [Fact]
    public void A_recomputed_stage_keeps_its_input_and_one_micro_batch_and_runs_forward_twice()
    {
        var prediction = Plan("stage").Predict(ScheduleCatalog.Create("gpipe", 2, 1, 4))!;
        Assert.Equal([(4 * 250) + (4 * 2) + 20, (4 * 250) + (4 * 2) + 20], prediction.Bytes);
        Assert.Equal((5 * 16) + 1, prediction.Simulation.Makespan, 1e-9);
    }

    [Fact]
    public void Every_second_layer_recomputed_keeps_half()
    {
        var prediction = Plan("2").Predict(ScheduleCatalog.Create("gpipe", 1, 1, 4))!;
        // And one recomputed layer's activations while it goes backward.
        Assert.Equal([(4 * 500) + (4 * ((2 * 10) + (2 * 2))) + 10], prediction.Bytes);
        Assert.Equal((4 * (24 + 4)) + 2, prediction.Simulation.Makespan, 1e-9);
    }

    [Fact]
    public void Layers_move_to_where_memory_allows_them()
    {
        var schedule = ScheduleCatalog.Create("gpipe", 2, 1, 4);
        // An uneven model: the first layers are cheap in time but large.
        LayerProfile[] uneven = [Model[0], .. Model[1..5].Select((layer, index) => index < 2 ? layer with { ActivationBytes = 200 } : layer), Model[5]];
        Assert.Equal([0..3, 3..6], new Planner(uneven, new("none"), ["auto"], 0, null).Cut(schedule));
        Assert.Equal([0..2, 2..6], new Planner(uneven, new("none"), ["auto"], 0, 2400).Cut(schedule));
        Assert.Null(new Planner(uneven, new("none"), ["auto"], 0, 2000).Predict(schedule));
    }

    [Fact]
    public void A_list_counts_only_for_schedules_with_as_many_stages()
    {
        var planner = new Planner(Model, new("none"), ["1", "3"], 0, null);
        Assert.Equal([0..2, 2..6], planner.Cut(ScheduleCatalog.Create("1f1b", 2, 1, 4)));
        Assert.Equal([0..2, 2..3, 3..4, 4..6], planner.Cut(ScheduleCatalog.Create("zb-v", 2, 2, 4)));
    }

    private static Planner Plan(string recompute) => new(Model, new RecomputeRule(recompute), ["auto"], 0, null);
}
