using System.Globalization;
using System.IO.Hashing;
using CsCheck;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Operators;

/// <summary>Random numbers are libtorch's own, and threads and live tensors are counted: alone.</summary>
[Collection(nameof(Alone))]
public class SelectiveScanTests
{
    /// <summary>Single precision over sums of some hundred terms, of the largest element.</summary>
    private const double Tolerance = 2e-5;

    [Theory]
    [InlineData(1, 16)]
    [InlineData(3, 1)]
    [InlineData(63, 8)]
    [InlineData(64, 24)]
    [InlineData(65, 16)]
    [InlineData(257, 1)]
    [InlineData(257, 24)]
    [InlineData(1024, 16)]
    public void Values_and_gradients_are_those_of_a_loop_in_double_precision(long length, long states)
    {
        foreach (var (state, starts, d) in new[] { (false, false, true), (true, false, true), (false, true, false), (true, true, true) })
        {
            using var scope = NewDisposeScope();
            var given = Arguments(2, length, 40, states, state, starts, d);
            var exact = Run(SelectiveScan.Loop, null, ScalarType.Float64);
            var single = Run(SelectiveScan.Run, exact.Weights, ScalarType.Float32);
            var what = string.Create(CultureInfo.InvariantCulture, $"length {length}, N {states}, state {state}, starts {starts}");
            AssertClose(exact.Results, single.Results, what);

            (Tensor[] Results, (Tensor, Tensor) Weights) Run(Scan scan, (Tensor Output, Tensor State)? weights, ScalarType type)
            {
                var arguments = given.Select(tensor => tensor is null || tensor.dtype == ScalarType.Bool ? tensor : tensor.detach().to(type).requires_grad_(true)).ToArray();
                var (output, last) = Call(scan, arguments);
                var (first, second) = weights ?? (randn_like(output), randn_like(last));
                autograd.backward([output, last], [first.to(type), second.to(type)]);
                return ([output, last, .. arguments.Where(tensor => tensor is not null && tensor.requires_grad).Select(tensor => tensor!.grad!)], (first, second));
            }
        }
    }

    [Fact]
    public void Any_shape_gives_what_the_loop_gives() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 80], Gen.Int[1, 150], Gen.Int[1, 20]).Sample(
            (sequences, length, channels, states) =>
            {
                using var scope = NewDisposeScope();
                var arguments = Arguments(sequences, length, channels, states, state: true, starts: true);
                var (fused, loop) = (Gradients(SelectiveScan.Run, arguments), Gradients(SelectiveScan.Loop, arguments));
                AssertClose(loop, fused, $"{sequences} x {length} x {channels}, N {states}");
            },
            iter: 20,
            threads: 1);

    /// <summary>A = -1, time step .1, B = C = x = 1, D = 0: y(t) = .1 (1 - e^(-.1 (t+1))) / (1 - e^-.1).</summary>
    [Fact]
    public void A_constant_input_gives_the_closed_form()
    {
        using var scope = NewDisposeScope();
        var one = ones(1, 10, 1);
        var (output, state) = SelectiveScan.Run(one, one * tensor(0.1f), -ones(1, 1), one, one, zeros(1));
        Assert.Equal(0.66425327, output[0, 9, 0].item<float>(), 1e-7);
        Assert.Equal(output[0, 9, 0].item<float>(), state.item<float>());
    }

    [Fact]
    public void A_cut_sequence_gives_the_same_with_the_state_handed_on()
    {
        using var scope = NewDisposeScope();
        var a = Arguments(2, 100, 20, 16, state: false, starts: true);
        var (whole, last) = Call(SelectiveScan.Run, a);
        var (first, middle) = Call(SelectiveScan.Run, Part(0, 37));
        var (second, end) = Call(SelectiveScan.Run, Part(37, 63, middle));
        Assert.True(whole.equal(cat([first, second], 1)).all().item<bool>());
        Assert.True(last.equal(end).all().item<bool>());

        Tensor?[] Part(long start, long length, Tensor? state = null) =>
            [.. a.Select((tensor, i) => i switch { 2 or 5 => tensor, 6 => state, _ => tensor!.narrow(1, start, length) })];
    }

    [Fact]
    public void Nothing_of_a_document_reaches_the_next()
    {
        using var scope = NewDisposeScope();
        var a = Arguments(1, 90, 20, 16, state: true, starts: false);
        a[7] = zeros(1, 90, ScalarType.Bool);
        a[7]![0, 70] = tensor(true);
        var other = a.ToArray();
        other[0] = cat([a[0]!.narrow(1, 0, 70) * tensor(float.PositiveInfinity), a[0]!.narrow(1, 70, 20)], 1);
        var (one, two) = (Call(SelectiveScan.Run, a).Output.narrow(1, 70, 20), Call(SelectiveScan.Run, other).Output.narrow(1, 70, 20));
        Assert.True(one.equal(two).all().item<bool>());
    }

    [Theory]
    [InlineData(0.001f)]
    [InlineData(0.1f)]
    [InlineData(50f)]
    [InlineData(1e4f)]
    public void Gradients_are_finite_for_any_time_step(float size)
    {
        using var scope = NewDisposeScope();
        var arguments = Arguments(1, 300, 32, 16, state: true, starts: false);
        arguments[1] = rand(1, 300, 32) * tensor(size);
        Assert.All(Gradients(SelectiveScan.Run, arguments), result => Assert.True(result.isfinite().all().item<bool>()));
    }

    [Fact]
    public void What_is_not_a_number_stays_visible()
    {
        using var scope = NewDisposeScope();
        var arguments = Arguments(1, 5, 16, 16, state: true, starts: false);
        arguments[2]![3, 2] = tensor(float.NaN);
        var output = Call(SelectiveScan.Run, arguments).Output;
        Assert.Equal([3L], output[0, 4].isnan().nonzero().view(-1).data<long>().ToArray());
    }

    [Fact]
    public void Threads_do_not_change_a_bit()
    {
        var before = get_num_threads();
        try
        {
            using var scope = NewDisposeScope();
            var arguments = Arguments(3, 130, 150, 16, state: true, starts: true);
            var results = new[] { 1, 2, 5 }.Select(threads =>
            {
                set_num_threads(threads);
                return Gradients(SelectiveScan.Run, arguments);
            }).ToArray();
            Assert.All(results[1..], other => Assert.All(results[0].Zip(other), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>())));
        }
        finally
        {
            set_num_threads(before);
        }
    }

    /// <summary>The numbers come from whole numbers, without libtorch's own vector code: every processor must give this hash, and does with
    /// <c>DOTNET_EnableAVX512=0</c>. A kernel that computes in another order has another.</summary>
    [Fact]
    public void Bits_are_the_same_on_every_processor()
    {
        using var scope = NewDisposeScope();
        var (seed, hash) = (1u, new XxHash3());
        Tensor?[] arguments =
        [
            Numbers(-1, 1, 2, 130, 72), Numbers(0, 1, 2, 130, 72), Numbers(-4, 0, 72, 16), Numbers(-1, 1, 2, 130, 16), Numbers(-1, 1, 2, 130, 16),
            Numbers(-1, 1, 72), Numbers(-1, 1, 2, 72, 16), null,
        ];
        foreach (var result in Gradients(SelectiveScan.Run, arguments, one: true))
        {
            hash.Append(result.contiguous().bytes);
        }

        Assert.Equal(15600368731896176869UL, hash.GetCurrentHashAsUInt64());

        Tensor Numbers(float low, float high, params long[] shape) => tensor(Enumerable.Range(0, (int)shape.Aggregate((x, y) => x * y)).Select(_ =>
        {
            seed = (seed * 1664525) + 1013904223;
            return low + ((high - low) * (seed >> 8) / (1 << 24));
        }).ToArray(), shape);
    }

    [Fact]
    public void Results_of_sixteen_bits_are_computed_in_single_precision()
    {
        using var scope = NewDisposeScope();
        var brain = Arguments(1, 70, 20, 16, state: false, starts: false).Select(tensor => tensor?.to(ScalarType.BFloat16)).ToArray();
        var (output, state) = Call(SelectiveScan.Run, brain);
        var (wide, wideState) = Call(SelectiveScan.Run, [.. brain.Select(tensor => tensor?.to(ScalarType.Float32))]);
        Assert.Equal(ScalarType.BFloat16, output.dtype);
        Assert.True(output.equal(wide.to(ScalarType.BFloat16)).all().item<bool>());
        Assert.True(state.equal(wideState).all().item<bool>());
    }

    [Fact]
    public void Memory_that_is_not_in_order_is_understood()
    {
        using var scope = NewDisposeScope();
        var straight = Arguments(2, 30, 20, 16, state: true, starts: true);
        var turned = straight.Select(tensor => tensor is null || tensor.dim() < 2 ? tensor : tensor.transpose(0, 1).contiguous().transpose(0, 1)).ToArray();
        AssertClose(Gradients(SelectiveScan.Run, straight), Gradients(SelectiveScan.Run, turned), "transposed");
    }

    [Fact]
    public void One_result_is_enough_for_a_backward()
    {
        using var scope = NewDisposeScope();
        var arguments = Arguments(1, 70, 20, 16, state: true, starts: false);
        foreach (var pick in new Func<(Tensor Output, Tensor State), Tensor>[] { results => results.Output, results => results.State })
        {
            AssertClose(Pick(SelectiveScan.Loop), Pick(SelectiveScan.Run), "one result");

            Tensor[] Pick(Scan scan)
            {
                var leaves = arguments.Select(tensor => tensor?.detach().requires_grad_(true)).ToArray();
                pick(Call(scan, leaves)).square().sum().backward();
                return [.. leaves.Select((leaf, i) => leaf?.grad ?? zeros(1)).Where((_, i) => i is not (4 or 5))];
            }
        }
    }

    [Fact]
    public void Shapes_that_do_not_go_together_are_refused()
    {
        using var scope = NewDisposeScope();
        for (var wrong = 1; wrong < 8; wrong++)
        {
            var arguments = Arguments(2, 5, 20, 16, state: true, starts: true);
            arguments[wrong] = arguments[wrong]!.narrow(0, 0, 1);
            Assert.Contains("must be", Assert.Throws<ArgumentException>(() => Call(SelectiveScan.Run, arguments)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        Step();
        var before = Tensor.TotalCount;
        for (var i = 0; i < 20; i++)
        {
            Step();
        }

        Assert.Equal(before, Tensor.TotalCount);

        static void Step()
        {
            using var scope = NewDisposeScope();
            Gradients(SelectiveScan.Run, Arguments(2, 70, 20, 16, state: true, starts: true));
            var arguments = Arguments(2, 70, 20, 16, state: false, starts: false);
            Call(SelectiveScan.Run, arguments);
            // As in training: nothing depends on the last state.
            arguments[0] = arguments[0]!.detach().requires_grad_(true);
            Call(SelectiveScan.Run, arguments).Output.sum().backward();
        }
    }

    /// <summary>2^x against double precision, over all exponents, in units of the result's last place.</summary>
    [Fact]
    public void Powers_of_two_are_right_to_the_last_place_or_so()
    {
        var worst = 0.0;
        for (var x = -126.4f; x < 127.4f; x += 0.0037f)
        {
            var (power, exact) = (Power(x), Math.Pow(2, x));
            worst = Math.Max(worst, Math.Abs(power - exact) / (MathF.BitIncrement((float)exact) - (float)exact));
        }

        Assert.InRange(worst, 0.4, 1.1);
        Assert.All(Enumerable.Range(-126, 254), k => Assert.Equal(MathF.ScaleB(1, k), Power(k)));
        Assert.Equal([0f, 0f, 1f, 1f, float.PositiveInfinity, float.PositiveInfinity, float.NaN],
            new[] { float.NegativeInfinity, -127, -0f, 1e-30f, 128, float.PositiveInfinity, float.NaN }.Select(Power));

        static float Power(float x) => Exponential.Exp2(System.Runtime.Intrinsics.Vector512.Create(x))[5];
    }

    private delegate (Tensor Output, Tensor State) Scan(
        Tensor input, Tensor timeStep, Tensor a, Tensor b, Tensor c, Tensor? d, Tensor? initialState = null, Tensor? starts = null);

    /// <summary>Rates of -1 to -N and time steps of .001 to .1, as Mamba's own initialisation has them; documents of some ten tokens.</summary>
    private static Tensor?[] Arguments(long sequences, long length, long channels, long states, bool state, bool starts, bool d = true) =>
    [
        randn(sequences, length, channels),
        (rand(sequences, length, channels) * tensor(4.6f) - tensor(6.9f)).exp(),
        -arange(1, states + 1, ScalarType.Float32).expand(channels, states).contiguous(),
        randn(sequences, length, states),
        randn(sequences, length, states),
        d ? randn(channels) : null,
        state ? randn(sequences, channels, states) : null,
        starts ? rand(sequences, length).lt(tensor(0.1f)) : null,
    ];

    private static (Tensor Output, Tensor State) Call(Scan scan, Tensor?[] a) => scan(a[0]!, a[1]!, a[2]!, a[3]!, a[4]!, a[5], a[6], a[7]);

    /// <summary>Both results, and the gradients of all arguments for a fixed gradient of the results.</summary>
    private static Tensor[] Gradients(Scan scan, Tensor?[] arguments, bool one = false)
    {
        var leaves = arguments.Select(tensor => tensor is null || tensor.dtype == ScalarType.Bool ? tensor : tensor.detach().requires_grad_(true)).ToArray();
        var (output, state) = Call(scan, leaves);
        autograd.backward([output, state], one ? [ones_like(output), ones_like(state)] : [output.detach().cos(), state.detach().cos()]);
        return [output, state, .. leaves.Where(leaf => leaf is not null && leaf.requires_grad).Select(leaf => leaf!.grad!)];
    }

    private static void AssertClose(Tensor[] expected, Tensor[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        foreach (var (index, (one, other)) in expected.Zip(actual).Index())
        {
            var difference = (one.to(ScalarType.Float64) - other.to(ScalarType.Float64)).abs().max().item<double>();
            var size = one.abs().max().to(ScalarType.Float64).item<double>();
            Assert.True(one.shape.SequenceEqual(other.shape) && difference <= Tolerance * size, $"{what}: result {index} differs by {difference}, its largest is {size}");
        }
    }
}
