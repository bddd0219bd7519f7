using CsCheck;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Tests.Coordination;

public class SeatingTests
{
    [Fact]
    public void A_lost_worker_takes_the_spare_and_the_others_stay() =>
        Assert.Equal(Seats(0, 3, 2), Seating.Of(Seats(0, 1, 2), Hosts(0, 2, 3)));

    [Fact]
    public void Without_a_spare_it_goes_to_the_neighbour_that_has_least() =>
        Assert.Equal(Seats(0, 0, 2, 3), Seating.Of(Seats(0, 1, 2, 3), Hosts(0, 2, 3)));

    [Fact]
    public void A_process_that_joins_takes_from_the_fullest() =>
        Assert.Equal(Seats(0, 0, 5), Seating.Of(Seats(0, 0, 0), Hosts(0, 5)));

    [Fact]
    public void Where_the_job_places_workers_none_is_moved_from_a_device_that_is_there()
    {
        Assert.Equal(Seats(0, 0, 1), Seating.Of(Seats(0, 0, 1), Hosts(0, 1, 5), isPinned: true));
        Assert.Equal(Seats(0, 0, 5), Seating.Of(Seats(0, 0, 1), Hosts(0, 5), isPinned: true));
    }

    [Fact]
    public void All_that_is_left_is_shared() => Assert.Equal(Seats(4, 4, 4), Seating.Of(Seats(1, 2, 3), Hosts(4)));

    [Fact]
    public void Nothing_left_is_said() => Assert.Null(Seating.Of(Seats(1, 2), [(3, [])]));

    /// <summary>Whatever is lost and joins: every worker has a device that is there, none moves without need, and no device is empty while another is shared.</summary>
    [Fact]
    public void No_worker_is_without_a_seat_and_none_moves_without_need() => Gen.Select(
        Gen.Int[1, 12], Gen.Int[1, 6].Array[1, 6], Gen.Int[0, 1000]).Sample((workers, devices, seed) =>
    {
        var random = new Random(seed);
        var hosts = devices.Select((count, number) => (number, (IReadOnlyList<string>)[.. Enumerable.Range(0, count).Select(device => $"cuda:{device}")])).ToArray();
        Seat[] offered = [.. hosts.SelectMany(host => host.Item2.Select(device => new Seat(host.number, device)))];
        Seat[] before = [.. Enumerable.Range(0, workers).Select(_ => random.Next(3) == 0 ? new Seat(99, "cpu") : offered[random.Next(offered.Length)])];
        var after = Seating.Of(before, hosts)!;
        Assert.All(after, seat => Assert.Contains(seat, offered));
        var loads = offered.Select(device => after.Count(seat => seat == device)).ToArray();
        Assert.True(loads.Min() > 0 || loads.Max() <= 1);
        var crowded = before.GroupBy(seat => seat).Any(group => group.Count() > 1);
        Assert.All(Enumerable.Range(0, workers).Where(worker => !crowded && offered.Contains(before[worker])), worker => Assert.Equal(before[worker], after[worker]));
    });

    [Fact]
    public void A_buddy_is_on_another_machine_where_there_is_one()
    {
        var buddies = Buddies.Of([new(0, new("a", 1, null)), new(1, new("a", 2, null)), new(4, new("b", 1, null)), new(5, new("b", 2, null), IsLeaving: true)]);
        Assert.Equal([new(0, 4), new(1, 4), new(4, 0)], buddies);
        Assert.Empty(Buddies.Of([new(0, null)]));
    }

    private static Seat[] Seats(params int[] hosts) => [.. hosts.Select(host => new Seat(host, "cpu"))];

    private static (int, IReadOnlyList<string>)[] Hosts(params int[] numbers) => [.. numbers.Select(number => (number, (IReadOnlyList<string>)["cpu"]))];
}
