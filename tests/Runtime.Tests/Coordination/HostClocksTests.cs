using Pipeline.Runtime.Coordination;

namespace Pipeline.Runtime.Tests.Coordination;

public class HostClocksTests
{
    [Fact]
    public void The_quickest_answer_says_how_far_a_clock_is_off()
    {
        var clocks = new HostClocks(2);
        clocks.Answered(1, askedAt: 1000, ticks: 901_900, now: 1800);
        clocks.Answered(1, askedAt: 2000, ticks: 902_050, now: 2100);
        clocks.Answered(1, askedAt: 3000, ticks: 904_000, now: 3900);
        Assert.Equal(5000, clocks.ToOwn(1, 905_000));
        Assert.Equal(905_000, clocks.ToOwn(0, 905_000));
    }

    [Fact]
    public void A_clock_within_the_uncertainty_is_this_machines_own()
    {
        var clocks = new HostClocks(1);
        clocks.Answered(0, askedAt: 1000, ticks: 1090, now: 1100);
        Assert.Equal(7000, clocks.ToOwn(0, 7000));
    }
}
