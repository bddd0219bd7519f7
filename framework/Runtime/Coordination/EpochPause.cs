using Akka.Actor;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>The time between two epochs: all processes end what they are at and say what snapshots they have, until there is a place for every worker.</summary>
internal sealed class EpochPause(RunState run, RunMembers members, ITimerScheduler timers)
{
    /// <summary>A stage ends after the operator it is in.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>A process that reads its part of a large model has no end before.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(10);

    /// <summary>Whoever starts processes anew has done so by then.</summary>
    private static readonly TimeSpan AloneLimit = TimeSpan.FromSeconds(60);

    /// <summary>It waits for a process that there could be.</summary>
    public bool IsAlone => timers.IsTimerActive(nameof(AloneTooLong));

    /// <param name="epoch">The next one.</param>
    /// <param name="stillStarts">The one before had not begun in all processes.</param>
    public void Begin(long epoch, bool stillStarts, IActorRef coordinator)
    {
        var limit = stillStarts ? StartLimit : Limit;
        members.Pause(epoch, coordinator);
        timers.StartSingleTimer(nameof(PauseLate), new PauseLate(epoch, limit), limit);
    }

    /// <summary>Goes on without those that are still at it.</summary>
    public void Lose(PauseLate message)
    {
        foreach (var host in members.All.Where(host => host.IsAwaited).ToArray())
        {
            members.Expel(host);
            run.Recorder.Event("fault", $"The node {host.Node} has not ended its stages within {message.Limit.TotalSeconds:F0} s; the run goes on without it.");
        }
    }

    /// <summary>Ends the pause, if all have answered and there is a place for every worker.</summary>
    /// <param name="before">Where workers were.</param>
    /// <returns>Where they go on; null as long as something is missing.</returns>
    /// <exception cref="NothingLeftException">There is no place, and will be none.</exception>
    public IReadOnlyList<Seat>? End(IReadOnlyList<Seat> before, bool isPinned)
    {
        if (members.AreAwaited)
        {
            return null;
        }

        timers.Cancel(nameof(PauseLate));
        if (Seating.Of(before, members.Offers, isPinned) is { } seats)
        {
            timers.Cancel(nameof(AloneTooLong));
            return seats;
        }

        if (!members.CanGrow)
        {
            throw NothingLeft();
        }

        if (!IsAlone)
        {
            run.Recorder.Event("warning", $"No process is left that the stages could go on in; the run waits {AloneLimit.TotalSeconds:F0} s for another one.");
            timers.StartSingleTimer(nameof(AloneTooLong), new AloneTooLong(), AloneLimit);
            members.Seek(before, isPinned);
        }

        return null;
    }

    public NothingLeftException NothingLeft() => new($"No process is left that the stages could go on in. {run.LastCheckpointSentence}");
}

/// <summary>A process has been told to end its stages so long ago.</summary>
internal sealed record PauseLate(long Epoch, TimeSpan Limit);

/// <summary>Nothing was left to go on in for so long.</summary>
internal sealed record AloneTooLong;

/// <summary>The run cannot go on.</summary>
/// <param name="sentence">For the user.</param>
internal sealed class NothingLeftException(string sentence) : Exception(sentence);
