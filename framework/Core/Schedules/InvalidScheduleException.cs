namespace Pipeline.Core.Schedules;

/// <summary>A schedule that would compute something else, or never end. The message shows the grid with the failing cell marked.</summary>
public sealed class InvalidScheduleException(string message) : InvalidOperationException(message);
