using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public class GanttTests
{
    [Fact]
    public void A_chart_shows_every_action_where_it_runs()
    {
        var schedule = ScheduleCatalog.Create("1f1b", 2, 1, 2);
        var simulation = Simulator.Run(schedule, ActionTimes.PerRank(schedule, 1, 1, 1, optimizer: 1));
        Assert.Equal(
            """
                    |0             |5             |10
            stage 0 F0-F1-      B0----   B1----===
            stage 1    F0-B0----F1-B1----      ===

            """,
            Gantt.Draw(simulation, Gantt.NaturalWidth(simulation)));
    }

    [Fact]
    public void The_second_chunk_is_in_lower_case()
    {
        var schedule = ScheduleCatalog.Create("zb-v", 2, 2, 1);
        var simulation = Simulator.Run(schedule, ActionTimes.PerRank(schedule, 2, 2, 2));
        Assert.Equal(
            """
                    |0             |5             |10
            stage 0 F0-      f0-i0-w0-      I0-W0-
            stage 1    F0-f0-      i0-w0-I0-W0-

            """,
            Gantt.Draw(simulation, Gantt.NaturalWidth(simulation)));
    }

    [Fact]
    public void What_does_not_fit_is_shortened_to_its_letter()
    {
        var schedule = ScheduleCatalog.Create("gpipe", 1, 1, 12);
        var simulation = Simulator.Run(schedule, ActionTimes.PerRank(schedule, 1, 1, 1));
        Assert.Equal("stage 0 FFFFFFFFFFFFB0B1B2B3B4B5B6B7B8B9B-B-", Gantt.Draw(simulation, 36).Split('\n')[1]);
    }

    [Fact]
    public void A_step_that_takes_no_time_is_drawn_too()
    {
        var schedule = ScheduleCatalog.Create("gpipe", 1, 1, 2);
        Assert.Equal("\nstage 0\n", Gantt.Draw(Simulator.Run(schedule, ActionTimes.PerRank(schedule, 0, 0, 0)), 10));
    }
}
