using Pipeline.Core;
using Pipeline.Runtime.Generation;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Generation;

/// <summary>Live tensors are counted for the whole process, so nothing else may run meanwhile.</summary>
[Collection(nameof(Alone))]
public sealed class GenerationRunTests : IDisposable
{
    private static readonly long[][] Prompts = [[4, 8, 15, 16, 23], [1], [2, 3, 5, 7, 11, 13], [9, 9], [30, 20, 10], [0, 1, 2], [6]];

    private readonly long before = Alone.LiveTensors();

    public static TheoryData<string, int> FamiliesAndStages => SmallModel.FamiliesAndStages;

    /// <summary>After every test.</summary>
    public void Dispose() => Assert.Equal(before, Tensor.TotalCount);

    [Theory]
    [MemberData(nameof(FamiliesAndStages))]
    public async Task Greedy_text_is_what_repeated_full_forwards_say(string family, int stages)
    {
        var plan = SmallModel.Plan(family, stages);
        var sequence = Prompts[0].ToList();
        while (sequence.Count < Prompts[0].Length + 12)
        {
            sequence.Add(SmallModel.Greedy(SmallModel.FullForward(plan.Model, sequence)[^1]));
        }

        var result = await RunAsync(plan with { PieceLength = 2 }, [Prompts[0]], 12, new(0));
        Assert.Equal(sequence.Skip(Prompts[0].Length), result.Texts[0].Tokens);
        Assert.Equal(GenerationEnd.Length, result.Texts[0].End);
        Assert.Equal(11, result.Texts[0].StepSeconds.Count);
    }

    [Fact]
    public async Task Prompts_together_get_what_each_gets_alone()
    {
        var plan = SmallModel.Plan(stages: 2);
        var together = await RunAsync(plan, Prompts, 9, new(0));
        foreach (var (prompt, text) in Prompts.Zip(together.Texts))
        {
            Assert.Equal((await RunAsync(plan, [prompt], 9, new(0))).Texts[0].Tokens, text.Tokens);
        }
    }

    [Fact]
    public async Task The_text_does_not_depend_on_the_number_of_stages()
    {
        var one = await RunAsync(SmallModel.Plan(stages: 1), Prompts, 10, new(0.7, 20, 0.9, 4));
        var three = await RunAsync(SmallModel.Plan(stages: 3), Prompts, 10, new(0.7, 20, 0.9, 4));
        Assert.Equal(one.Texts.Select(text => text.Tokens), three.Texts.Select(text => text.Tokens));
        Assert.NotEqual(one.Texts[0].Tokens, (await RunAsync(SmallModel.Plan(), Prompts, 10, new(0.7, 20, 0.9, 5))).Texts[0].Tokens);
    }

    [Fact]
    public async Task Rows_beyond_the_tokenizers_tokens_are_never_chosen()
    {
        var plan = SmallModel.Plan() with { Vocabulary = new(3, null) };
        var result = await RunAsync(plan, [[0], [1], [2]], 20, new(100));
        Assert.Equal([0, 1, 2], result.Texts.SelectMany(text => text.Tokens).Distinct().Order());
    }

    [Fact]
    public async Task The_end_of_text_token_ends_its_prompt_alone()
    {
        var plan = SmallModel.Plan(stages: 2);
        var whole = await RunAsync(plan, Prompts, 6, new(1));
        var end = whole.Texts[2].Tokens[3];
        var result = await RunAsync(plan with { Vocabulary = plan.Vocabulary with { EndOfText = end } }, Prompts, 6, new(1));
        foreach (var (all, text) in whole.Texts.Zip(result.Texts))
        {
            var count = all.Tokens.ToList().IndexOf(end) + 1;
            Assert.Equal(count == 0 ? all.Tokens : all.Tokens.Take(count), text.Tokens);
            Assert.Equal(count == 0 ? GenerationEnd.Length : GenerationEnd.EndOfText, text.End);
        }
    }

    [Fact]
    public async Task Learned_positions_end_a_text_and_bound_a_prompt()
    {
        var plan = SmallModel.Plan();   // 24 positions
        var result = await RunAsync(plan, [[1, 2, 3], [.. Enumerable.Repeat(1L, 24)]], 100, new(1));
        Assert.Equal([(22, GenerationEnd.Context), (1, GenerationEnd.Context)], result.Texts.Select(text => (text.Tokens.Count, text.End)));
        var problem = await Assert.ThrowsAsync<BadInputException>(() => RunAsync(plan, [[1], [.. Enumerable.Repeat(1L, 25)]], 1, new(1)));
        Assert.Equal("Prompt 2 has 25 tokens; the model has learned positions for 24 and cannot read more.", problem.Message);
    }

    [Fact]
    public async Task A_model_that_is_not_causal_writes_no_text()
    {
        var plan = SmallModel.Plan(stages: 2);
        var problem = await Assert.ThrowsAsync<BadInputException>(
            () => RunAsync(plan with { Model = plan.Model with { IsCausal = false } }, Prompts, 1, new(1)));
        Assert.Equal("The model sees all of its input at once, so it cannot write a text token by token; only a causal model can.", problem.Message);
    }

    [Fact]
    public async Task A_failing_stage_ends_the_run_with_one_sentence()
    {
        var model = SmallModel.Define("gpt2").Around(3, pass =>
        {
            if (pass.Cache!.Length == 7)
            {
                throw new InvalidOperationException("planted\nwith a second line");
            }
        });
        var failure = await Assert.ThrowsAsync<StageException>(() => RunAsync(SmallModel.Plan(model, 3), Prompts, 10, new(1)));
        Assert.Matches(@"^Stage 2 failed while running position 7 of prompt \d: planted\.$", failure.Message);
    }

    [Fact]
    public async Task A_stage_that_cannot_load_its_parameters_is_told()
    {
        var plan = SmallModel.Plan(stages: 2) with { Load = _ => throw new BadInputException("It has no tensor x.") };
        Assert.Equal("It has no tensor x.", (await Assert.ThrowsAsync<BadInputException>(() => RunAsync(plan, Prompts, 10, new(1)))).Message);
        plan = plan with { Load = _ => throw new IOException("The disk is gone.") };
        Assert.Matches("^Stage [01] failed while starting: The disk is gone.$", (await Assert.ThrowsAsync<StageException>(() => RunAsync(plan, Prompts, 10, new(1)))).Message);
    }

    [Fact]
    public async Task A_stage_that_stands_still_ends_the_run_and_is_named()
    {
        using var release = new ManualResetEventSlim();
        var model = SmallModel.Define("gpt2").Around(3, pass =>
        {
            if (pass.Cache!.Length == 6)
            {
                release.Wait(TimeSpan.FromSeconds(3));
            }
        });
        var plan = SmallModel.Plan(model, 2) with { Patience = TimeSpan.FromSeconds(0.5) };
        var failure = await Assert.ThrowsAsync<StageException>(() => RunAsync(plan, [Prompts[0]], 10, new(1)));
        Assert.Matches(@"^Nothing has finished for \d s: stage 0 is waiting for tokens; stage 1 is running position 6 of prompt 1\.$", failure.Message);
    }

    [Fact]
    public async Task A_stop_returns_what_has_been_written()
    {
        using var stop = new CancellationTokenSource();
        var observer = new Observer { OnToken = count => _ = count == 10 ? stop.CancelAsync() : null };
        var result = await GenerationRun.RunAsync(SmallModel.Plan(stages: 3), Prompts, 15, new(1), observer, stop.Token);
        Assert.Equal(10, result.Texts.Sum(text => text.Tokens.Count));
        Assert.All(result.Texts, text => Assert.Equal(GenerationEnd.Interrupted, text.End));
    }

    [Fact]
    public async Task An_empty_prompt_or_a_strange_token_is_bad_input()
    {
        var plan = SmallModel.Plan();
        Assert.Equal(
            "The prompt is empty; the model needs at least one token to go on from.",
            (await Assert.ThrowsAsync<BadInputException>(() => RunAsync(plan, [[]], 1, new(1)))).Message);
        Assert.Equal(
            "Prompt 2 has the token 31; the model's tokens are 0 to 30.",
            (await Assert.ThrowsAsync<BadInputException>(() => RunAsync(plan, [[1], [2, 31]], 1, new(1)))).Message);
    }

    private static async Task<GenerationResult> RunAsync(GenerationPlan plan, long[][] prompts, int tokens, Sampling sampling)
    {
        var observer = new Observer();
        var result = await GenerationRun.RunAsync(plan, prompts, tokens, sampling, observer, TestContext.Current.CancellationToken);
        foreach (var (index, text) in result.Texts.Index())
        {
            // What ends a text is none.
            Assert.Equal(text.End == GenerationEnd.EndOfText ? text.Tokens.SkipLast(1) : text.Tokens, observer.Tokens.Where(entry => entry.Prompt == index).Select(entry => entry.Token));
            Assert.Same(text.Tokens, observer.Texts[index].Tokens);
        }

        return result;
    }

    private sealed class Observer : IGenerationObserver
    {
        public List<(int Prompt, long Token)> Tokens { get; } = [];

        public Dictionary<int, Generated> Texts { get; } = [];

        public Action<int>? OnToken { get; init; }

        public void Token(int prompt, long token)
        {
            Tokens.Add((prompt, token));
            OnToken?.Invoke(Tokens.Count);
        }

        public void Ended(int prompt, Generated text) => Texts.Add(prompt, text);
    }
}
