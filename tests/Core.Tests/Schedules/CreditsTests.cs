using CsCheck;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public class CreditsTests
{
    /// <summary>Schedules of the catalog and any others that are valid.</summary>
    private static Gen<Schedule> AnySchedule { get; } = Gen.OneOf(
        Gen.Select(Gen.OneOf([.. ScheduleCatalog.Names]), Gen.Int[1, 6], Gen.Int[1, 12]).Select(ScheduleCatalog.Create),
        RandomSchedule.Of(stages: 5, microBatches: 6));

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
            foreach (var (stage, kind) in new CreditedRun(schedule).CreditsOf.Keys)
            {
                var receiver = kind == ActionKind.Forward ? stage + 1 : stage - 1;
                var run = new CreditedRun(schedule);
                run.ToTheEnd(ready => ready.FirstOrDefault(rank => rank != receiver, receiver));
                Assert.Equal(run.CreditsOf[(stage, kind)], run.MostInFlight[(stage, kind)]);
            }
        });

    [Theory]
    [InlineData("gpipe", 8, 8)]
    [InlineData("1f1b", 4, 4)]
    public void On_the_first_edge_of_four_stages_and_eight_micro_batches(string name, int activations, int gradients)
    {
        var schedule = ScheduleCatalog.Create(name, 4, 8);
        Assert.Equal((activations, gradients), (Credits.Of(schedule, 0, ActionKind.Forward), Credits.Of(schedule, 1, ActionKind.Backward)));
    }

    [Fact]
    public void Hand_overs_that_the_receiver_takes_in_another_order_all_count()
    {
        // Stage 1 may run everything before stage 0, which ran 0F1 first, has taken a gradient.
        var schedule = ScheduleText.Parse(2, "0F1 0F0 0B0 0B1", "1F0 1F1 1B0 1B1");
        Assert.Equal(2, Credits.Of(schedule, 1, ActionKind.Backward));
    }
}
