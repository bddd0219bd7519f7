using Pipeline.Core.Configuration;

namespace Pipeline.Core.Tests.Configuration;

public class SettingsWriterTests
{
    [Fact]
    public void The_text_is_readable() => Assert.Equal("""
        section {
          low = 0
          high = 9
        }
        text = "say \"a\\b\"\n"
        color = "red"
        whole = 1
        long = 2
        share = 0.5
        number = 1E-08
        flag = true
        texts = ["ä", "\u0000"]

        """, SettingsWriter.Write(new Sample(new SampleSection(), "say \"a\\b\"\n", Number: 1e-8, Texts: ["ä", "\0"])));
}
