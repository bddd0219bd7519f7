using System.Net.Sockets;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Takes connections on one socket, a few at a time until they have said who they are, and brings them to the links that expect them.
/// Blocking calls only: a socket that was ever used asynchronously is slower afterwards.</summary>
/// <param name="listening">The listener's from here on.</param>
/// <param name="identity">Null on sockets without TLS.</param>
/// <param name="maximumBytes">Of a frame.</param>
internal sealed class PlaneListener(Socket listening, TlsIdentity? identity, ExpectedLinks expected, Refusals refusals, long maximumBytes) : IDisposable
{
    private readonly SemaphoreSlim greetings = new(PlaneLimits.Greetings);
    private readonly HashSet<Socket> greeting = [];
    private volatile bool isClosed;

    public void Start() => new Thread(Accept) { IsBackground = true, Name = "plane listener" }.Start();

    public void Dispose()
    {
        isClosed = true;
        listening.Dispose();
        greetings.Release();   // the thread may wait here
        lock (greeting)
        {
            foreach (var socket in greeting)
            {
                socket.Dispose();
            }
        }
    }

    private void Accept()
    {
        while (!isClosed)
        {
            greetings.Wait();
            try
            {
                var socket = listening.Accept();
                _ = Task.Factory.StartNew(() => Greet(socket), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
            {
                greetings.Release();   // a connection that ended before it was taken, or the listener
            }
        }
    }

    private void Greet(Socket socket)
    {
        using var limit = new TimeLimit(socket);
        var peer = PlaneSockets.Describe(socket);
        var (stream, isGreeting) = ((Stream?)null, true);
        lock (greeting)
        {
            greeting.Add(socket);
        }

        try
        {
            limit.Start(PlaneLimits.GreetingTime);
            PlaneSockets.Prepare(socket);
            stream = PlaneSockets.Open(socket);
            stream = identity is null ? stream : PlaneTls.Answer(stream, identity);
            Span<byte> bytes = stackalloc byte[Hello.Size];
            stream.ReadExactly(bytes);
            var hello = Hello.Read(bytes);
            limit.Stop();
            isGreeting = false;
            greetings.Release();
            var link = expected.Find(hello);
            limit.Start(PlaneLimits.GreetingTime);
            stream.WriteByte(0);
            var open = new OpenConnection(socket, stream, MonotonicClock.Answer(stream));
            limit.Stop();
            lock (greeting)
            {
                greeting.Remove(socket);
            }

            if (expected.Join(link, hello, open) is { } all)
            {
                var made = new SocketLink(link.Name, isDialler: false, link.Receiver, refusals, peer, all, maximumBytes);
                made.Start();
                link.Link.SetResult(made);
            }
        }
        catch (Exception problem)
        {
            Refuse(problem, limit, stream, peer);
            stream?.Dispose();
            socket.Dispose();
        }
        finally
        {
            lock (greeting)
            {
                greeting.Remove(socket);
            }

            if (isGreeting)
            {
                greetings.Release();
            }
        }
    }

    private void Refuse(Exception problem, TimeLimit limit, Stream? stream, string peer)
    {
        if (isClosed)
        {
            return;
        }

        var reason = problem is RefusedException refused && !limit.IsOver ? refused.Reason : Refusal.Silent;
        var sentence = limit.IsOver ? "it said nothing for too long" : problem is RefusedException ? problem.Message : "it ended before it had said who it is";
        refusals.Add(reason, $"A connection from {peer} was refused: {sentence}.");
        try
        {
            stream?.WriteByte((byte)(1 + reason));
        }
        catch (Exception gone) when (gone is IOException or ObjectDisposedException or InvalidOperationException)
        {
        }
    }
}
