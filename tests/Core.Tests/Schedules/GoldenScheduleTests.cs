using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Core.Schedules;
using Pipeline.Tests;

namespace Pipeline.Core.Tests.Schedules;

/// <summary>The orders that others generate for schedules of the same name; files are named NAME_pRANKS[_vCHUNKS]_mMICROBATCHES.csv.</summary>
public partial class GoldenScheduleTests
{
    /// <summary>Families whose order is settled; of the others any order does that takes no longer and no more memory.</summary>
    private static readonly string[] Settled = ["gpipe", "1f1b", "interleaved-1f1b", "looped-bfs"];

    [Fact]
    public void Settled_schedules_equal_the_golden_files_row_for_row()
    {
        foreach (var (file, schedule) in Files().Where(item => Settled.Contains(item.Schedule.Name)))
        {
            var golden = File.ReadAllLines(file);
            Assert.Equal(golden.Length, schedule.Ranks.Count);
            for (var rank = 0; rank < golden.Length; rank++)
            {
                Assert.Equal($"{file} rank {rank}: {golden[rank]}", $"{file} rank {rank}: {string.Join(',', schedule.Ranks[rank])}");
            }

            Assert.Equal(string.Join('\n', golden) + "\n", schedule.ToCsv());
        }
    }

    [Fact]
    public void No_schedule_takes_longer_or_more_memory_than_its_golden_file()
    {
        foreach (var (file, schedule) in Files())
        {
            var golden = CustomSchedule.Read(file);
            Assert.Equal((golden.Stages, golden.MicroBatches), (schedule.Stages, schedule.MicroBatches));
            var (theirs, ours) = (Simulate(golden), Simulate(schedule));
            Assert.True(ours.Makespan <= theirs.Makespan, $"{file}: {ours.Makespan}, not {theirs.Makespan}");
            Assert.True(ours.LongestSpan <= theirs.LongestSpan, $"{file}: {ours.LongestSpan}, not {theirs.LongestSpan}");
            Assert.All(ours.PeakActivations.Zip(theirs.PeakActivations), peaks => Assert.True(peaks.First <= peaks.Second, file));
        }
    }

    private static Simulation Simulate(Schedule schedule) => Simulator.Run(schedule, ActionTimes.PerRank(schedule, 1, 1, 1));

    private static IEnumerable<(string File, Schedule Schedule)> Files()
    {
        foreach (var file in Goldens.Files("*.csv", "schedules"))
        {
            var match = FileName.Match(Path.GetFileNameWithoutExtension(file));
            Assert.True(match.Success, $"{file} is not named as a schedule.");
            var name = match.Groups["name"].Value;
            Assert.Contains(name, ScheduleCatalog.Names);
            var chunks = match.Groups["chunks"].Success ? Number(match, "chunks") : ScheduleCatalog.DefaultChunks(name);
            yield return (file, ScheduleCatalog.Create(name, Number(match, "ranks"), chunks, Number(match, "microBatches")));
        }
    }

    private static int Number(Match name, string group) => int.Parse(name.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("^(?<name>.+)_p(?<ranks>[0-9]+)(_v(?<chunks>[0-9]+))?_m(?<microBatches>[0-9]+)$")]
    private static partial Regex FileName { get; }
}
