using System.Diagnostics;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Trust;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.TensorPlane;

public class GreetingTests
{
    [Fact]
    public async Task A_dialler_with_another_secret_is_refused()
    {
        using var plane = new TestPlane(Transport.Tcp);
        var accepted = plane.Listener.AcceptAsync(TestPlane.Name, plane.AtListener, CancellationToken.None);
        var problem = await Assert.ThrowsAsync<RefusedException>(() => Dial(plane, TestPlane.Name with { Run = Guid.NewGuid() }));
        Assert.EndsWith("this worker does not know the run's secret.", problem.Message, StringComparison.Ordinal);
        Assert.Equal(1, plane.Listener.Refusals.Counts[Refusal.Secret]);
        await LinkWorks(plane, accepted);
    }

    [Fact]
    public async Task A_dialler_of_an_old_epoch_is_refused()
    {
        using var plane = new TestPlane(Transport.Tcp);
        var accepted = plane.Listener.AcceptAsync(TestPlane.Name, plane.AtListener, CancellationToken.None);
        var problem = await Assert.ThrowsAsync<RefusedException>(() => Dial(plane, TestPlane.Name with { Epoch = 2 }));
        Assert.EndsWith("epoch 2 is over.", problem.Message, StringComparison.Ordinal);
        Assert.Equal(1, plane.Listener.Refusals.Counts[Refusal.Epoch]);
        await LinkWorks(plane, accepted);
        await Assert.ThrowsAsync<RefusedException>(
            () => plane.Listener.AcceptAsync(TestPlane.Name with { Epoch = 2 }, plane.AtListener, CancellationToken.None));
    }

    [Fact]
    public async Task A_dialler_may_come_before_it_is_expected()
    {
        using var plane = new TestPlane(Transport.Tcp);
        using var client = new RawClient(plane.Address);
        var greeted = Task.Run(() => client.Greet(TestPlane.Name));
        await Task.WhenAny(greeted, Task.Delay(200, TestContext.Current.CancellationToken));
        Assert.False(greeted.IsCompleted);
        using var link = await plane.Listener.AcceptAsync(TestPlane.Name, plane.AtListener, CancellationToken.None);
        Assert.Equal(0, await greeted);
    }

    [Fact]
    public async Task A_dialler_waits_for_a_listener_that_is_not_there_yet()
    {
        using var plane = new TestPlane(Transport.Tcp);
        var gone = SocketPlane.Listen(new("127.0.0.1"));
        gone.Dispose();
        using var limit = new CancellationTokenSource(300);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => plane.Dialler.DialAsync(gone.Address, TestPlane.Name, plane.AtDialler, limit.Token));
    }

    [Fact]
    public async Task Other_versions_and_silent_connections_are_refused_and_hold_up_nobody()
    {
        using var plane = new TestPlane(Transport.Tcp);
        var accepted = plane.Listener.AcceptAsync(TestPlane.Name, plane.AtListener, CancellationToken.None);
        using (var other = new RawClient(plane.Address))
        {
            Assert.Equal(1 + (int)Refusal.Version, other.Greet(TestPlane.Name, version: 2));
        }

        var begin = Stopwatch.GetTimestamp();
        var silent = Enumerable.Range(0, PlaneLimits.Greetings - 1).Select(_ => new RawClient(plane.Address)).ToArray();
        await LinkWorks(plane, accepted);
        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalSeconds, 0, 3);
        Assert.All(silent, client => Assert.Equal(-1, client.Answer()));
        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalSeconds, 3, 15);
        SpinWait.SpinUntil(() => plane.Listener.Refusals.Total == 1 + silent.Length, 5000);
        Assert.Equal((1, silent.Length), (plane.Listener.Refusals.Counts[Refusal.Version], plane.Listener.Refusals.Counts[Refusal.Silent]));
        Array.ForEach(silent, client => client.Dispose());
    }

    [Fact]
    public async Task Peers_without_TLS_of_another_authority_or_with_another_host_name_are_refused()
    {
        using var plane = new TestPlane(Transport.Tls);
        var accepted = plane.Listener.AcceptAsync(TestPlane.Name, plane.AtListener, CancellationToken.None);
        using (var plain = SocketPlane.Listen(new("127.0.0.1")))
        {
            await Assert.ThrowsAsync<RefusedException>(() => plain.DialAsync(plane.Address, TestPlane.Name, plane.AtDialler, CancellationToken.None));
        }

        using var folder = new TemporaryFolder();
        using var authority = CertificateAuthority.Create(folder.File("ca"));
        authority.WriteNode(folder.File("node"), ["127.0.0.1"]);
        using var stranger = TlsIdentity.Read(folder.File("node"));
        using (var other = SocketPlane.Listen(new("127.0.0.1", Tls: stranger)))
        {
            var problem = await Assert.ThrowsAsync<RefusedException>(
                () => other.DialAsync(plane.Address, TestPlane.Name, plane.AtDialler, CancellationToken.None));
            Assert.Equal(Refusal.Certificate, problem.Reason);
        }

        SpinWait.SpinUntil(() => plane.Listener.Refusals.Total == 2, 5000);
        Assert.Equal(2, plane.Listener.Refusals.Counts[Refusal.Certificate]);
        var named = await Assert.ThrowsAsync<RefusedException>(() => plane.Dialler.DialAsync(
            plane.Address with { Host = "localhost" }, TestPlane.Name, plane.AtDialler, CancellationToken.None));
        Assert.Equal(Refusal.Certificate, named.Reason);
        await LinkWorks(plane, accepted);
    }

    [Fact]
    public async Task A_listener_of_another_authority_gets_no_link()
    {
        using var plane = new TestPlane(Transport.Tls);
        using var other = new TestPlane(Transport.Tls);
        var problem = await Assert.ThrowsAsync<RefusedException>(
            () => plane.Dialler.DialAsync(other.Address, TestPlane.Name, plane.AtDialler, CancellationToken.None));
        Assert.Contains("is not believed", problem.Message, StringComparison.Ordinal);
    }

    private static Task<ITensorLink> Dial(TestPlane plane, LinkName name) => plane.Dialler.DialAsync(plane.Address, name, plane.AtDialler, CancellationToken.None);

    private static async Task LinkWorks(TestPlane plane, Task<ITensorLink> accepted)
    {
        var there = await Dial(plane, TestPlane.Name);
        using var both = new Both(there, await accepted);
        there.Send(RandomFrames.OfBytes(64));
        plane.AtListener.Next().Dispose();
    }
}
