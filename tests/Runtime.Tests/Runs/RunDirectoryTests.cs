using Pipeline.Core;
using Pipeline.Runtime.Runs;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>What a run does with the folder that it is to have.</summary>
public sealed class RunDirectoryTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_run_that_is_continued_loses_the_lines_of_later_steps_and_those_that_are_not_whole()
    {
        Fill("""{"step":1}""" + "\n" + """{"step":2}""" + "\n" + """{"step":3}""" + "\n" + """{"st""", """{"kind":"start"}""" + "\n" + """{"kind":"che""");
        using var directory = new RunDirectory(folder.File("run"));
        Assert.Empty(directory.Continue("job", "schedule", 2, []));
        Assert.Equal(["""{"step":1}""", """{"step":2}"""], File.ReadAllLines(directory.Metrics));
        Assert.Equal("""{"kind":"start"}""" + "\n", File.ReadAllText(directory.Events));
    }

    [Fact]
    public void Records_that_end_before_the_step_are_told()
    {
        Fill("""{"step":1}""" + "\n", "");
        using var directory = new RunDirectory(folder.File("run"));
        Assert.Equal(
            [$"{directory.Metrics} ends with step 1: it has no line of the steps after that to 3."], directory.Continue("job", "schedule", 3, []));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Another_run_is_not_touched_while_it_has_the_folder(bool continues)
    {
        using var first = new RunDirectory(folder.File("run"));
        first.Begin("job", "schedule");
        File.WriteAllText(first.Metrics, """{"step":9}""");
        using var second = new RunDirectory(folder.File("run"));
        var refused = Assert.Throws<BadInputException>(() =>
        {
            if (continues)
            {
                second.Continue("job", "schedule", 2, []);
            }
            else
            {
                second.Begin("job", "schedule");
            }
        });
        Assert.Equal($"job.directory: {first.Root} is in use by another run; choose another folder.", refused.Message);
        Assert.Equal("""{"step":9}""", File.ReadAllText(first.Metrics));
        Assert.False(Path.Exists(first.Root + ".1"));
        first.CheckOwner();
    }

    /// <summary>Also where it was killed before its first event.</summary>
    [Fact]
    public void A_run_that_has_ended_is_moved_aside_with_its_lock()
    {
        using (var first = new RunDirectory(folder.File("run")))
        {
            first.Begin("job", "schedule");
        }

        using var second = new RunDirectory(folder.File("run"));
        second.Check(folder.File("job.hocon"));
        second.Begin("another", "schedule");
        Assert.Equal(("another", "job"), (File.ReadAllText(second.Job), File.ReadAllText(second.Root + ".1/job.hocon")));
        using var third = new RunDirectory(folder.File("run"));
        Assert.Throws<BadInputException>(() => third.Begin("third", "schedule"));
    }

    private void Fill(string metrics, string events)
    {
        Directory.CreateDirectory(folder.File("run"));
        File.WriteAllText(folder.File("run/metrics.jsonl"), metrics);
        File.WriteAllText(folder.File("run/events.jsonl"), events);
    }
}
