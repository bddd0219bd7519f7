using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Core.Schedules;
using Pipeline.Tests;

namespace Pipeline.Core.Tests.Schedules;

/// <summary>The orders that others generate for schedules of the same name; files are named NAME_pSTAGES[_vCHUNKS]_mMICROBATCHES.csv.</summary>
public partial class GoldenScheduleTests
{
    [Fact]
    public void Schedules_equal_the_golden_files_row_for_row()
    {
        var known = 0;
        foreach (var file in Goldens.Files("*.csv", "schedules"))
        {
            var name = FileName.Match(Path.GetFileNameWithoutExtension(file));
            Assert.True(name.Success, $"{file} is not named as a schedule.");
            if (!ScheduleCatalog.Names.Contains(name.Groups["name"].Value))
            {
                continue;
            }

            known++;
            var schedule = ScheduleCatalog.Create(name.Groups["name"].Value, Number(name, "stages"), Number(name, "microBatches"));
            var golden = File.ReadAllLines(file);
            Assert.Equal(golden.Length, schedule.Stages);
            for (var rank = 0; rank < golden.Length; rank++)
            {
                Assert.Equal($"{name.Value} rank {rank}: {golden[rank]}", $"{name.Value} rank {rank}: {string.Join(',', schedule.Ranks[rank])}");
            }

            Assert.Equal(string.Join('\n', golden) + "\n", schedule.ToCsv());
        }

        Assert.SkipWhen(known == 0, "None of the golden files is of a schedule in the catalog.");
    }

    private static int Number(Match name, string group) => int.Parse(name.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("^(?<name>.+)_p(?<stages>[0-9]+)(_v(?<chunks>[0-9]+))?_m(?<microBatches>[0-9]+)$")]
    private static partial Regex FileName { get; }
}
