using Pipeline.Core.Schedules;
using Pipeline.Tests;

namespace Pipeline.Core.Tests.Schedules;

public sealed class CustomScheduleTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string Path => folder.File("mine.csv");

    public void Dispose() => folder.Dispose();

    public static TheoryData<string> Names => [.. ScheduleCatalog.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_written_is_read_back(string name)
    {
        var schedule = ScheduleCatalog.Create(name, 3, ScheduleCatalog.DefaultChunks(name), 7);
        File.WriteAllText(Path, schedule.ToCsv());
        var read = CustomSchedule.Read(Path);
        Assert.Equal(schedule.ToCsv(), read.ToCsv());
        Assert.Equal(("custom", 3, schedule.Stages, 7), (read.Name, read.Ranks.Count, read.Stages, read.MicroBatches));
        Assert.Equal(schedule.StagesOf, read.StagesOf);
    }

    [Fact]
    public void Stages_may_be_on_any_rank_and_empty_cells_spaces_and_line_ends_do_not_matter()
    {
        File.WriteAllText(Path, "1F0, ,2F0,,2B0 ,1I0,1W0\r\n0F0,,,0B0\r\n\r\n");
        Assert.Equal("1F0,2F0,2B0,1I0,1W0\n0F0,0B0\n", CustomSchedule.Read(Path).ToCsv());
    }

    [Theory]
    [InlineData("0F0,0B0\n1F0,1C0", "$, row 2, cell 2: \"1C0\" is not an action; an action is stage, F, B, I or W, micro-batch, as in 2F0.")]
    [InlineData("0F0,\"0B0\"", "$, row 1, cell 2: \"\\\"0B0\\\"\" is not an action; an action is stage, F, B, I or W, micro-batch, as in 2F0.")]
    [InlineData("5000F0", "$, row 1, cell 1: stages are numbered 0 to 1023, not 5000.")]
    [InlineData("0F10000", "$, row 1, cell 1: micro-batches are numbered 0 to 9999, not 10000.")]
    [InlineData("", "$ has no actions; a schedule has one row a stage, with cells such as 0F0,0I0,0W0,0B0.")]
    [InlineData(" \n,,\n", "$ has no actions; a schedule has one row a stage, with cells such as 0F0,0I0,0W0,0B0.")]
    [InlineData("0F0,0B0\n1F0", "$: Schedule custom, rank 1, cell 1: 1B0 is missing.\n0F0 0B0\n1F0 [ ]   <-- 1B0 is missing")]
    public void Another_file_is_refused_with_its_place(string text, string problem)
    {
        File.WriteAllText(Path, text);
        Assert.Equal(problem.Replace("$", Path, StringComparison.Ordinal), Assert.Throws<BadInputException>(() => CustomSchedule.Read(Path)).Message);
    }

    [Fact]
    public void A_missing_file_a_folder_and_a_huge_file_are_refused()
    {
        Assert.Equal($"{Path}: there is no such file.", Assert.Throws<BadInputException>(() => CustomSchedule.Read(Path)).Message);
        Assert.Equal(
            $"{folder.Path}: this is a folder, and a CSV file is needed.",
            Assert.Throws<BadInputException>(() => CustomSchedule.Read(folder.Path)).Message);
        using (var huge = File.Create(Path))
        {
            huge.SetLength(17 * 1024 * 1024);
        }

        Assert.Equal(
            $"{Path} is larger than 16 MiB, the most that a schedule may have.",
            Assert.Throws<BadInputException>(() => CustomSchedule.Read(Path)).Message);
    }
}
