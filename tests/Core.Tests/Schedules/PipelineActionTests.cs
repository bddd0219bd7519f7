using System.Text.RegularExpressions;
using CsCheck;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public partial class PipelineActionTests
{
    [Fact]
    public void An_action_is_written_as_stage_letter_and_micro_batch()
    {
        Assert.Equal("2F0", PipelineAction.Forward(2, 0).ToString());
        Assert.Equal("10B63", PipelineAction.Backward(10, 63).ToString());
        Assert.Equal("0I7", PipelineAction.InputGradient(0, 7).ToString());
        Assert.Equal("3W1", PipelineAction.WeightGradient(3, 1).ToString());
    }

    [Fact]
    public void What_is_written_is_read_back() =>
        Gen.Select(Gen.Int.Positive, Gen.Enum<ActionKind>(), Gen.Int.Positive)
            .Sample((stage, kind, microBatch) =>
            {
                var action = new PipelineAction(stage, kind, microBatch);
                return PipelineAction.Parse(action.ToString()) == action;
            });

    [Theory]
    [InlineData("")]
    [InlineData("F")]
    [InlineData("2F")]
    [InlineData("F0")]
    [InlineData("20")]
    [InlineData("2f0")]
    [InlineData("2X0")]
    [InlineData("2FB0")]
    [InlineData("2F0B")]
    [InlineData("-1F0")]
    [InlineData("2F-1")]
    [InlineData("+2F0")]
    [InlineData(" 2F0")]
    [InlineData("2F0 ")]
    [InlineData("2 F0")]
    [InlineData("2F 0")]
    [InlineData("2F1,000")]
    [InlineData("2F0.0")]
    [InlineData("2147483648F0")]
    [InlineData("٢F0")]
    public void Any_other_text_is_refused_with_what_an_action_is(string text) =>
        Assert.Equal(
            $"\"{text}\" is not an action; an action is stage, F, B, I or W, micro-batch, as in 2F0.",
            Assert.Throws<FormatException>(() => PipelineAction.Parse(text)).Message);

    [Fact]
    public void A_text_is_read_exactly_when_it_has_the_form() =>
        Gen.String[Gen.Char["09FBIWX -"], 0, 5].Sample(
            text =>
            {
                try
                {
                    PipelineAction.Parse(text);
                    return Form.IsMatch(text);
                }
                catch (FormatException)
                {
                    return !Form.IsMatch(text);
                }
            },
            iter: 2000);

    [GeneratedRegex("^[0-9]+[FBIW][0-9]+$")]
    private static partial Regex Form { get; }
}
