using Akka.Event;

namespace Pipeline.Runtime.Cluster;

/// <summary>Akka writes its last words to standard output whatever its log level for that is; standard output is the command's.</summary>
internal sealed class NoStandardOutput : MinimalLogger
{
    protected override void Log(object message)
    {
    }
}
