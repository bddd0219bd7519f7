using CsCheck;
using Pipeline.Runtime.Replicas;

namespace Pipeline.Runtime.Tests.Replicas;

public class BucketTests
{
    private static readonly Gen<(int Parameter, long Elements, bool IsTied)[][]> Layers =
        Gen.Select(Gen.Long[1, 5000], Gen.Bool).Array[0, 6].Array[1, 4].Select(layers =>
        {
            var place = 0;
            return layers.Select(layer => layer.Select(one => (place++, one.Item1, one.Item2)).ToArray()).ToArray();
        });

    [Fact]
    public void Every_element_is_in_exactly_one_shard() =>
        Gen.Select(Layers, Gen.Int[1, 9], Gen.Long[64, 4000]).Sample((layers, replicas, most) =>
        {
            var buckets = Bucket.Cut(layers, replicas, most);
            Assert.All(buckets, bucket => Assert.Equal(replicas, bucket.Shards.Count));
            var pieces = buckets.SelectMany(bucket => bucket.Pieces).ToLookup(piece => piece.Parameter);
            foreach (var (parameter, elements, _) in layers.SelectMany(layer => layer))
            {
                // In the order of buckets and shards, so that the last piece is released last.
                Assert.Equal([0, .. pieces[parameter].Select(piece => piece.End)], [.. pieces[parameter].Select(piece => piece.Start), elements]);
            }

            Assert.Equal(layers.Sum(layer => layer.Length), pieces.Count);
        });

    [Fact]
    public void Cuts_fall_on_multiples_of_the_alignment_within_a_parameter() =>
        Gen.Select(Layers, Gen.Int[1, 9], Gen.Long[64, 4000]).Sample((layers, replicas, most) =>
        {
            var ends = layers.SelectMany(layer => layer).ToDictionary(one => one.Parameter, one => one.Elements);
            foreach (var piece in Bucket.Cut(layers, replicas, most).SelectMany(bucket => bucket.Pieces))
            {
                Assert.True(piece.Start < piece.End);
                Assert.Equal(0, piece.Start % Piece.Alignment);
                Assert.True(piece.End % Piece.Alignment == 0 || piece.End == ends[piece.Parameter]);
            }
        });

    [Fact]
    public void Shards_are_balanced_and_buckets_have_their_size() =>
        Gen.Select(Layers, Gen.Int[1, 9], Gen.Long[64, 4000]).Sample((layers, replicas, most) =>
        {
            foreach (var bucket in Bucket.Cut(layers, replicas, most))
            {
                var sizes = bucket.Shards.Select(shard => shard.Sum(piece => piece.Elements)).ToArray();
                Assert.InRange(sizes.Sum(), 1, most + Piece.Alignment);
                Assert.All(sizes, size => Assert.InRange(size - ((double)sizes.Sum() / replicas), -Piece.Alignment, Piece.Alignment));
            }
        });

    [Fact]
    public void A_bucket_has_parameters_of_one_layer_and_either_tied_ones_or_others() =>
        Gen.Select(Layers, Gen.Int[1, 9]).Sample((layers, replicas) =>
        {
            var all = layers.SelectMany((layer, index) => layer.Select(one => (one.Parameter, one.IsTied, index))).ToDictionary(one => one.Parameter);
            foreach (var bucket in Bucket.Cut(layers, replicas))
            {
                Assert.Single(bucket.Pieces.Select(piece => all[piece.Parameter].index).Distinct());
                Assert.All(bucket.Pieces, piece => Assert.Equal(bucket.IsTied, all[piece.Parameter].IsTied));
            }
        });
}
