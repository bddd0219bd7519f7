using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Operators;

public class CausalConvolutionTests
{
    /// <summary>The definition, in double precision, with the gradients of everything.</summary>
    [Theory]
    [InlineData(1, 1, 4, false, false, true)]
    [InlineData(2, 3, 4, true, false, false)]
    [InlineData(2, 17, 4, true, true, true)]
    [InlineData(3, 9, 1, true, true, true)]
    [InlineData(1, 30, 7, false, true, true)]
    public void Values_and_gradients_are_the_definitions(long sequences, long length, long taps, bool state, bool starts, bool bias)
    {
        using var scope = NewDisposeScope();
        var border = starts ? rand(sequences, length).lt(tensor(0.2f)) : null;
        Tensor?[] given = [randn(sequences, length, 5), randn(5, 1, taps), bias ? randn(5) : null, state ? randn(sequences, taps - 1, 5) : null];
        var (weightOfOutput, weightOfLast) = (randn(sequences, length, 5), randn(sequences, taps - 1, 5));
        var (exact, actual) = (Run(Definition, ScalarType.Float64), Run(Operator.CausalConvolution, ScalarType.Float32));
        Assert.All(exact.Zip(actual), pair =>
        {
            Assert.Equal(pair.First.shape, pair.Second.shape);
            if (pair.First.numel() > 0)
            {
                Assert.Equal(0, (pair.First - pair.Second).abs().max().item<double>(), 1e-5);
            }
        });

        Tensor[] Run(Convolution convolution, ScalarType type)
        {
            var leaves = given.Select(tensor => tensor?.to(type).detach().requires_grad_(true)).ToArray();
            var (output, last) = convolution(leaves[0]!, leaves[1]!, leaves[2], leaves[3], border);
            autograd.backward([output, last], [weightOfOutput.to(type), weightOfLast.to(type)]);
            return [output, last, .. leaves.Where(leaf => leaf is not null).Select(leaf => leaf!.grad!)];
        }
    }

    [Fact]
    public void A_sequence_in_two_calls_gives_what_it_gives_in_one()
    {
        using var scope = NewDisposeScope();
        var (input, weight, starts) = (randn(2, 20, 5), randn(5, 1, 4), rand(2, 20).lt(tensor(0.2f)));
        var (whole, last) = Operator.CausalConvolution(input, weight, null, null, starts);
        foreach (var cut in new[] { 1L, 2, 11 })
        {
            var (first, middle) = Operator.CausalConvolution(input.narrow(1, 0, cut), weight, null, null, starts.narrow(1, 0, cut));
            var rest = 20 - cut;
            var (second, end) = Operator.CausalConvolution(input.narrow(1, cut, rest), weight, null, middle, starts.narrow(1, cut, rest));
            Assert.True(whole.equal(cat([first, second], 1)).all().item<bool>());
            Assert.True(last.equal(end).all().item<bool>());
        }
    }

    [Fact]
    public void What_is_infinite_in_one_document_does_not_reach_the_next()
    {
        using var scope = NewDisposeScope();
        var (input, starts) = (randn(1, 8, 3), zeros(1, 8, ScalarType.Bool));
        input[0, 3] = tensor(float.PositiveInfinity).expand(3);
        starts[0, 4] = tensor(true);
        var (output, _) = Operator.CausalConvolution(input, ones(3, 1, 4), null, null, starts);
        Assert.True(output[0, 4..].isfinite().all().item<bool>());
        Assert.False(output[0, 3].isfinite().any().item<bool>());
    }

    private delegate (Tensor Output, Tensor Last) Convolution(Tensor input, Tensor weight, Tensor? bias, Tensor? before, Tensor? starts);

    private static (Tensor Output, Tensor Last) Definition(Tensor input, Tensor weight, Tensor? bias, Tensor? before, Tensor? starts)
    {
        var (sequences, length, taps) = (input.shape[0], input.shape[1], weight.shape[2]);
        var padded = cat([before ?? zeros([sequences, taps - 1, input.shape[2]], input.dtype), input], 1);
        var rows = Enumerable.Range(0, (int)sequences).Select(sequence => stack(Enumerable.Range(0, (int)length).Select(t =>
        {
            var sum = bias ?? zeros(input.shape[2], input.dtype);
            for (var back = 0; back < taps; back++)
            {
                if (starts is null || !Enumerable.Range(t - back + 1, back).Any(at => at >= 0 && starts[sequence, at].item<bool>()))
                {
                    sum = sum + (weight[.., 0, (int)taps - 1 - back] * padded[sequence, t - back + taps - 1]);
                }
            }

            return sum;
        })));
        var result = stack(rows);
        if (taps == 1)
        {
            return (result, padded.narrow(1, length, 0));
        }

        var last = Enumerable.Range(0, (int)sequences).Select(sequence => stack(Enumerable.Range(1, (int)taps - 1).Reverse().Select(back =>
            starts is null || !Enumerable.Range((int)length - back + 1, back - 1).Any(at => at >= 0 && starts[sequence, at].item<bool>())
                ? padded[sequence, length - back + taps - 1]
                : padded[sequence, length - back + taps - 1] * zeros(1, input.dtype))));
        return (result, stack(last));
    }
}
