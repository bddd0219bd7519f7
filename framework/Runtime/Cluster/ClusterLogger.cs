using Akka.Actor;
using Akka.Dispatch;
using Akka.Event;

namespace Pipeline.Runtime.Cluster;

/// <summary>Passes Akka's warnings on, and counts the refused peers that Akka tells of in its log alone: it has no other hook.
/// Both are limited in rate, for a peer can cause them.</summary>
internal sealed class ClusterLogger : ReceiveActor, IRequiresMessageQueue<ILoggerMessageQueueSemantics>
{
    private const int LongestLine = 400;

    private readonly ClusterLogSetup setup = ClusterLogSetup.Of(Context.System)!;

    public ClusterLogger()
    {
        Receive<InitializeLogger>(_ => Sender.Tell(new LoggerInitialized()));
        Receive<LogEvent>(Handle);
    }

    private void Handle(LogEvent entry)
    {
        var (place, isWarning) = (entry.LogClass.Name, entry.LogLevel() >= Akka.Event.LogLevel.WarningLevel);
        if (!isWarning && place is not "EndpointWriter" and not "EndpointReader")
        {
            return;     // before the text is made, which is most of a log's cost
        }

        var text = $"{entry.Message}".ReplaceLineEndings(" ");
        if (!isWarning)
        {
            if (text.Contains("UntrustedMode", StringComparison.Ordinal) || text.Contains("untrusted mode", StringComparison.Ordinal))
            {
                setup.Refusals.Add(Refusals.Untrusted, $"a message to an actor, or of a kind, that is not for peers ({Shorten(text)}).");
            }
        }
        else if (place == "TcpServerHandler")
        {
            Connection(entry, text);
        }
        else if (!IsToldAlready(place, text))
        {
            setup.Refusals.Warn(place, Shorten(entry.Cause is null ? text : $"{text}: {entry.Cause.Message.ReplaceLineEndings(" ")}"));
        }
    }

    /// <summary>A connection that came in and was closed. Under TLS Akka tells it up to three times; this counts the last.</summary>
    private void Connection(LogEvent entry, string text)
    {
        const string rejected = "Rejected incoming connection from ";
        if (text.StartsWith(rejected, StringComparison.Ordinal))
        {
            var peer = text[rejected.Length..].Split(" due ")[0].Trim('[', ']');
            if (!setup.Refusals.WasTold(peer))
            {
                setup.Refusals.Add(Refusals.Handshake, $"{peer} did not complete a TLS handshake: it speaks without TLS, or gave up.");
            }
        }
        else if (entry.Cause is DotNetty.Codecs.DecoderException)
        {
            setup.Refusals.Add(Refusals.Frame, $"a connection was closed whose bytes are no frame of Akka's ({Shorten(entry.Cause.Message)}).");
        }
    }

    /// <summary>A handshake of ours that failed, for the check of the peer has told why; a connection that ended, for the peer has left, or the
    /// run tells that it is lost; a message that one of our serializers refused, by itself or as the content of a selection's.</summary>
    private static bool IsToldAlready(string place, string text) => place == "TcpClientHandler"
        || text.Contains("Marking node(s) as UNREACHABLE", StringComparison.Ordinal)
        || text.StartsWith("Disassociated", StringComparison.Ordinal)
        || text.StartsWith("Tried to associate with unreachable remote address", StringComparison.Ordinal)
        || (text.StartsWith("Association with remote system", StringComparison.Ordinal) && text.Contains("Disassociated", StringComparison.Ordinal))
        || text.Contains(RefusingSerializer.Unread, StringComparison.Ordinal)
        || text.Contains("[SerializerId=1,", StringComparison.Ordinal)
        || text.Contains("[SerializerId=16,", StringComparison.Ordinal);

    private static string Shorten(string text) => text.Length <= LongestLine ? text : $"{text[..LongestLine]}...";
}
