using System.Net.Sockets;
using Akka.Actor;
using Akka.Hosting;
using Akka.Remote.Transport.DotNetty;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.Cluster;

/// <summary>This process as a member of a cluster, from joining to leaving.</summary>
public sealed class ClusterNode : IAsyncDisposable
{
    /// <summary>The role of the process that holds a run's coordinator.</summary>
    public const string CoordinatorRole = "coordinator";

    private const string SystemName = "pipeline";
    private static readonly TimeSpan JoinLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(10);

    private readonly IHost host;
    private readonly TlsIdentity? identity;
    private readonly ILoggerFactory? ownLoggers;
    private readonly HandshakeEndurance endurance;
    private volatile bool leaving;

    private ClusterNode(IHost host, TlsIdentity? identity, ILoggerFactory? ownLoggers)
    {
        (this.host, this.identity, this.ownLoggers) = (host, identity, ownLoggers);
        System = host.Services.GetRequiredService<ActorSystem>();
        Address = Akka.Cluster.Cluster.Get(System).SelfAddress;
        endurance = new HandshakeEndurance(System);
        Ended = EndAsync();
    }

    public ActorSystem System { get; }

    /// <summary>With the port that was found, and the scheme <c>akka.ssl.tcp</c> under TLS.</summary>
    public Address Address { get; }

    /// <summary>The TLS identity of this node, for the tensor plane; null without TLS. It lives as long as the node.</summary>
    public TlsIdentity? Identity => identity;

    internal Refusals Refusals => host.Services.GetRequiredService<Refusals>();

    /// <summary>Completes when this node is no longer a member, with the reason as a sentence without its end: it left, or
    /// the cluster removed it.</summary>
    public Task<string> Ended { get; }

    /// <param name="join">HOST:PORT of any member; null to be a cluster's first.</param>
    /// <param name="insecure">Listen off loopback without TLS.</param>
    /// <param name="beforeJoining">Makes the actors that others may look for as soon as they see the node.</param>
    /// <param name="joinLimit">How long to try to join; without it 30 seconds.</param>
    /// <param name="loggers">Without them warnings go to standard error.</param>
    /// <returns>When the node is a member and up.</returns>
    /// <exception cref="BadInputException">The node cannot listen, or is not taken in.</exception>
    public static async Task<ClusterNode> StartAsync(
        ClusterSettings settings,
        string? join,
        IReadOnlyList<string> roles,
        bool insecure = false,
        Action<ClusterNode>? beforeJoining = null,
        ILoggerFactory? loggers = null,
        TimeSpan? joinLimit = null,
        CancellationToken stop = default)
    {
        var target = join is null ? null : HostPort.Parse(join, "--join");
        if (!settings.UsesTls && !settings.Node.IsLoopback && !insecure)
        {
            throw new BadInputException(
                $"pipeline.node.host is {settings.Node.Host}, which others can reach, and without TLS whoever reaches the port can run work on this machine and read and alter the run; "
                + "make certificates with pipeline certificates and set pipeline.tls.directory, or accept that with --insecure.");
        }

        var identity = settings.UsesTls ? TlsIdentity.Read(settings.Tls.Directory) : null;
        var own = loggers is null ? NodeLog.ToStandardError() : null;
        ClusterNode? node = null;
        try
        {
            if (identity?.Problem(identity.Certificate, settings.Node.Host) is { } problem)
            {
                throw new BadInputException($"{settings.Tls.Directory}: {problem}, and pipeline.node.host is {settings.Node.Host}.");
            }

            var host = await HostAsync(settings, identity, roles, own ?? loggers!, stop);
            node = new ClusterNode(host, identity, own);
            beforeJoining?.Invoke(node);
            await Joining.JoinAsync(node.System, target, identity, joinLimit ?? JoinLimit, stop);
            return node;
        }
        catch
        {
            if (node is not null)
            {
                await node.DisposeAsync();
            }

            identity?.Dispose();
            own?.Dispose();
            throw;
        }
    }

    /// <summary>Leaves the cluster, or gives up leaving after ten seconds, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        leaving = true;
        endurance.Release();
        await host.StopAsync();
        await System.Terminate().WaitAsync(LeaveLimit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        host.Dispose();
        identity?.Dispose();
        ownLoggers?.Dispose();
    }

    private static async Task<IHost> HostAsync(
        ClusterSettings settings, TlsIdentity? identity, IReadOnlyList<string> roles, ILoggerFactory loggers, CancellationToken stop)
    {
        var log = loggers.CreateLogger("Pipeline.Cluster");
        var refusals = new Refusals(log);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton<IHostLifetime, OwnedLifetime>();
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton(refusals);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = LeaveLimit);
        builder.Services.AddAkka(SystemName, akka =>
        {
            akka.AddHocon(NodeHocon.Of(settings, roles), HoconAddMode.Replace);
            akka.AddSetup(new ClusterLogSetup(log, refusals));
            if (identity is not null)
            {
                akka.AddSetup(new DotNettySslSetup(
                    identity.Certificate, suppressValidation: false, requireMutualAuthentication: true, new PeerCheck(identity, refusals).Accepts));
            }
        });
        var host = builder.Build();
        try
        {
            // Made here and not by the host's start, which writes a failure to the console.
            host.Services.GetRequiredService<ActorSystem>();
            await host.StartAsync(stop);
            return host;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            host.Dispose();
            throw ListenProblem(failure, settings.Node) is { } sentence ? new BadInputException(sentence, failure) : failure;
        }
    }

    private static string? ListenProblem(Exception failure, NodeSettings node) => Causes(failure).OfType<SocketException>().FirstOrDefault()?.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => $"pipeline.node.port: the port {node.Port} is in use at {node.Host}; choose another, or 0 for any free one.",
        SocketError.AccessDenied => $"pipeline.node.port: the port {node.Port} is not for this user; choose one above 1023, or 0 for any free one.",
        SocketError.AddressNotAvailable => $"pipeline.node.host: {node.Host} is not an address of this machine.",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => $"pipeline.node.host: {node.Host} is not a known host.",
        _ => null,
    };

    private static IEnumerable<Exception> Causes(Exception failure) => failure is AggregateException several
        ? several.InnerExceptions.SelectMany(Causes)
        : failure.InnerException is { } cause ? Causes(cause).Prepend(failure) : [failure];

    private async Task<string> EndAsync()
    {
        await System.WhenTerminated;
        return leaving ? "this node left the cluster" : "the cluster removed this node: it was not reachable, or its oldest member was not";
    }
}
