using CsCheck;
using Pipeline.Runtime.Replicas;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Replicas;

public class RingTests
{
    [Fact]
    public void What_a_replica_sends_the_next_one_expects() =>
        Gen.Int[2, 12].SelectMany(replicas => Gen.Select(Gen.Const(replicas), Gen.Int[0, replicas - 1], Gen.Int[0, replicas - 2])).Sample((replicas, replica, hop) =>
        {
            var (ring, next) = (new Ring(replicas, replica), new Ring(replicas, (replica + 1) % replicas));
            Assert.Equal(ring.SentInSum(hop), next.ReceivedInSum(hop));
            Assert.Equal(hop == 0 ? replica : ring.Received(hop - 1), next.Received(hop));
            Assert.Equal(replica, ring.ReceivedInSum(ring.Hops - 1));
        });

    /// <summary>Frames handed on by the test, whichever replica is looked at first.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void Every_replica_ends_with_the_sum_of_all(int replicas)
    {
        using var scope = NewDisposeScope();
        var gradients = Enumerable.Range(0, replicas).Select(_ => Enumerable.Range(0, replicas).Select(shard => randint(-1000, 1000, shard * 3, dtype: ScalarType.Float32)).ToArray()).ToArray();
        var expected = Enumerable.Range(0, replicas).Select(shard => gradients.Select(own => own[shard]).Aggregate((sum, one) => sum + one)).ToArray();
        var sums = gradients.Select((own, replica) => new RingSum(new(replicas, replica), [.. own.Select(one => one.clone())], CPU)).ToArray();
        var travelling = sums.Select(sum => (Tensor?)sum.First()).ToArray();
        for (var hop = 0; hop < 2 * (replicas - 1); hop++)
        {
            var arriving = travelling.ToArray();
            for (var replica = 0; replica < replicas; replica++)
            {
                var next = sums[(replica + 1) % replicas];
                travelling[(replica + 1) % replicas] = next.Arrive(arriving[replica]!) ?? (next.IsGathered ? null : next.FirstWhole());
            }
        }

        foreach (var all in sums.Select(sum => sum.TakeAll()).ToArray())
        {
            // Whole numbers, whose sums are exact in any order.
            Assert.All(all.Zip(expected), pair => Assert.Equal(pair.Second.data<float>().ToArray(), pair.First.data<float>().ToArray()));
            Assert.All(all, sum => sum.Dispose());
        }
    }

    [Theory]
    [InlineData(3, ScalarType.Float32, "shard 1 of a bucket of gradients came as Float32 [3], and Float32 [4] is expected")]
    [InlineData(4, ScalarType.Float64, "shard 1 of a bucket of gradients came as Float64 [4], and Float32 [4] is expected")]
    public void A_shard_of_another_shape_or_type_is_refused(int elements, ScalarType type, string sentence)
    {
        using var sum = new RingSum(new(2, 1), [zeros(4), zeros(4)], CPU);
        sum.First().Dispose();
        Assert.Equal(sentence, Assert.Throws<InvalidDataException>(() => sum.Arrive(zeros(elements, type))).Message);
    }
}
