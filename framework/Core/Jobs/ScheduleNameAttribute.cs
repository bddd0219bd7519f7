using Pipeline.Core.Configuration;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Jobs;

/// <summary>The setting is the name of a schedule.</summary>
internal sealed class ScheduleNameAttribute() : OneOfAttribute([.. ScheduleCatalog.Names, AutomaticSchedule.Name, CustomSchedule.Name]);
