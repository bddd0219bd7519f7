using Akka.Actor;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Tests.Coordination;

public sealed class RunMembersTests : IAsyncDisposable
{
    private readonly ActorSystem system = ActorSystem.Create("members", "akka { loglevel = OFF, stdout-loglevel = OFF }");

    public async ValueTask DisposeAsync() => await system.Terminate();

    [Fact]
    public async Task Those_that_leave_are_offered_only_where_nobody_stays() => await InActorAsync(context =>
    {
        var members = Members(context, ["cpu"], ["cpu"]);
        members.Find(0)!.IsLeaving = true;
        Assert.False(members.AllLeave);
        Assert.Equal([(0, 0), (1, 1)], members.Offers.Select(offer => (offer.Number, offer.Devices.Count)));
        members.Find(1)!.IsLeaving = true;
        Assert.True(members.AllLeave);
        Assert.Equal([(0, 1), (1, 1)], members.Offers.Select(offer => (offer.Number, offer.Devices.Count)));
    });

    [Fact]
    public async Task A_device_that_failed_is_used_no_more_while_there_is_another() => await InActorAsync(context =>
    {
        var members = Members(context, ["cuda:0", "cuda:1"], ["cuda:0"]);
        Assert.True(members.Withdraw(new Seat(0, "cuda:1")));
        Assert.Equal(["cuda:0"], members.Find(0)!.Devices);
        Assert.True(members.Withdraw(new Seat(0, "cuda:0")));
        Assert.False(members.Withdraw(new Seat(1, "cuda:0")));
        Assert.Equal([(0, 0), (1, 1)], members.Offers.Select(offer => (offer.Number, offer.Devices.Count)));
    });

    private static RunMembers Members(IActorContext context, params IReadOnlyList<string>[] devices)
    {
        var members = new RunMembers(Guid.Empty, null, null, 0);
        foreach (var (number, lent) in devices.Index())
        {
            members.Add(new(number, ActorRefs.Nobody, $"node-{number}", number, lent, null), context, 1);
        }

        return members;
    }

    /// <summary>Members belong to an actor.</summary>
    private async Task InActorAsync(Action<IActorContext> test)
    {
        var done = new TaskCompletionSource();
        system.ActorOf(Props.Create(() => new Doing(test, done)));
        await done.Task;
    }

    private sealed class Doing : ReceiveActor
    {
        public Doing(Action<IActorContext> test, TaskCompletionSource done)
        {
            try
            {
                test(Context);
                done.SetResult();
            }
            catch (Exception failure)
            {
                done.SetException(failure);
            }
        }
    }
}
