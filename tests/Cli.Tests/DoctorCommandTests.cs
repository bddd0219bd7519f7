using System.Text.Json;

namespace Pipeline.Cli.Tests;

public class DoctorCommandTests
{
    [Fact]
    public void It_finds_this_machine_usable_and_says_where_libtorch_is()
    {
        var (code, output, errors) = Command.Run(Path.GetTempPath(), "doctor", "--json");
        Assert.Equal((0, ""), (code, errors));
        using var report = JsonDocument.Parse(output);
        Assert.True(report.RootElement.GetProperty("usable").GetBoolean());
        Assert.True(report.RootElement.GetProperty("checks").TryGetProperty("libtorch", out _));
    }

    [Fact]
    public void Plain_words_are_the_default()
    {
        var (code, output, _) = Command.Run(Path.GetTempPath(), "doctor");
        Assert.Equal(0, code);
        Assert.Contains("libtorch", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
    }
}
