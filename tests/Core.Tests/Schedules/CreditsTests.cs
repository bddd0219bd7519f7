using CsCheck;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public class CreditsTests
{
    /// <summary>Schedules of the catalog and any others that are valid.</summary>
    private static Gen<Schedule> AnySchedule { get; } = Gen.OneOf(
        Gen.Select(Gen.OneOf([.. ScheduleCatalog.Names.Select(Gen.Const)]), Gen.Int[1, 5], Gen.Int[1, 10])
            .Select((name, ranks, microBatches) => ScheduleCatalog.Create(
                name, ranks, ScheduleCatalog.DefaultChunks(name), name == "dualpipe-v" ? Math.Max(2 * ranks, microBatches) : microBatches)),
        RandomSchedule.Of(ranks: 4, chunks: 3, microBatches: 5));

    [Fact]
    public void Whoever_acts_first_nobody_waits_for_a_credit_or_for_ever() =>
        Gen.Select(AnySchedule, Gen.Int.NonNegative).Sample((schedule, seed) =>
        {
            var random = new Random(seed);
            var run = new CreditedRun(schedule);
            run.ToTheEnd(ready => ready[random.Next(ready.Length)]);
            Assert.All(run.MostInFlight, edge => Assert.True(edge.Value <= run.CreditsOf[edge.Key]));
        });

    [Fact]
    public void A_receiver_that_acts_only_when_nobody_else_can_leaves_all_of_an_edges_credits_in_flight() =>
        AnySchedule.Sample(schedule =>
        {
            foreach (var edge in Credits.Of(schedule).Keys)
            {
                var receiver = schedule.RankOf(edge.Stage);
                var run = new CreditedRun(schedule);
                run.ToTheEnd(ready => ready.FirstOrDefault(rank => rank != receiver, receiver));
                Assert.Equal(run.CreditsOf[edge], run.MostInFlight[edge]);
            }
        });

    [Theory]
    [InlineData("gpipe", 8, 8)]
    [InlineData("1f1b", 4, 4)]
    public void On_the_first_edge_of_four_stages_and_eight_micro_batches(string name, int activations, int gradients)
    {
        var credits = Credits.Of(ScheduleCatalog.Create(name, 4, 1, 8));
        Assert.Equal((activations, gradients), (credits[(HandOverKind.Activation, 1)], credits[(HandOverKind.Gradient, 0)]));
    }

    [Fact]
    public void An_edge_within_a_rank_needs_none() =>
        // In V placement the last rank hands its first chunk's output to itself.
        Assert.DoesNotContain((HandOverKind.Activation, 4), Credits.Of(ScheduleCatalog.Create("zb-v", 4, 2, 8)).Keys);

    [Fact]
    public void Hand_overs_that_the_receiver_takes_in_another_order_all_count()
    {
        // Stage 1 may run everything before stage 0, which ran 0F1 first, has taken a gradient.
        var schedule = ScheduleText.Parse(2, "0F1 0F0 0B0 0B1", "1F0 1F1 1B0 1B1");
        Assert.Equal(2, Credits.Of(schedule)[(HandOverKind.Gradient, 0)]);
    }
}
