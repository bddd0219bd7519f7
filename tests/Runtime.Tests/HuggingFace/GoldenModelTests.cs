using Pipeline.Core;
using Pipeline.Runtime.HuggingFace;
using Pipeline.Stages;
using Pipeline.Tensors.Models.HuggingFace;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.HuggingFace;

/// <summary>Models that Hugging Face's code has written and run, of every family that has one.</summary>
public class GoldenModelTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Stages_compute_what_Hugging_Face_computes(int stages) => Assert.All(Folders(), folder =>
    {
        using var model = new HuggingFaceModel(folder, Families.All);
        var verified = HuggingFaceVerification.Run(model, stages);
        Assert.True(verified.Equal, $"{folder}: {verified}");
    });

    [Fact]
    public void The_cut_changes_nothing() => Assert.All(Folders(), folder =>
    {
        using var model = new HuggingFaceModel(folder, Families.All);
        Assert.Equal(HuggingFaceVerification.Run(model, 1) with { Stages = 3 }, HuggingFaceVerification.Run(model, 3));
    });

    [Fact]
    public void What_comes_in_goes_out_bit_for_bit() => Assert.All(Folders(), folder =>
    {
        using var temporary = new TemporaryFolder();
        using (var model = new HuggingFaceModel(folder, Families.All))
        {
            HuggingFaceImport.Run(model, temporary.File("run"), "float32");
        }

        var largest = ModelFolder.Bytes(folder).Sum(tensor => tensor.Value.Length) / 6;
        foreach (var shard in new[] { long.MaxValue, largest })
        {
            var (whole, second) = (temporary.File($"out-{shard}"), temporary.File($"again-{shard}"));
            var exported = new HuggingFaceExport(temporary.File("run"), Families.All).Write(whole, shard, overwrite: false);
            Assert.Equal(shard == largest, exported.Files.Count > 1);
            Assert.Equal(ModelFolder.Bytes(folder), ModelFolder.Bytes(whole));
            Assert.Equal(File.ReadAllText(Path.Combine(folder, "config.json")), File.ReadAllText(Path.Combine(whole, "config.json")));

            // What was exported, in one file or several, is a model again.
            using var model = new HuggingFaceModel(whole, Families.All);
            HuggingFaceImport.Run(model, temporary.File("second"), "float32");
            new HuggingFaceExport(temporary.File("second"), Families.All).Write(second, long.MaxValue, overwrite: false);
            Assert.Equal(ModelFolder.Bytes(folder), ModelFolder.Bytes(second));
        }
    });

    /// <summary>A wrong weight, a wrong reference: each of the three figures finds its own.</summary>
    [Fact]
    public void A_difference_is_found() => Assert.All(Folders(), folder =>
    {
        using var temporary = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            File.Copy(file, temporary.File(Path.GetFileName(file)));
        }

        Change("grads.safetensors");
        Assert.True(Verify() is { Equal: false, Gradients: > VerifiedModel.GradientsTolerance, Logits: <= VerifiedModel.LogitsTolerance });
        Change("model.safetensors");
        Assert.True(Verify() is { Equal: false, Logits: not <= VerifiedModel.LogitsTolerance });

        VerifiedModel Verify()
        {
            using var model = new HuggingFaceModel(temporary.Path, Families.All);
            return HuggingFaceVerification.Run(model, 2);
        }

        // The sign of the last element of the file's last tensor.
        void Change(string name)
        {
            var bytes = File.ReadAllBytes(temporary.File(name));
            bytes[^1] ^= 0x80;
            File.WriteAllBytes(temporary.File(name), bytes);
        }
    });

    [Fact]
    public void More_stages_than_layers_are_refused() => Assert.All(Folders(), folder =>
    {
        using var model = new HuggingFaceModel(folder, Families.All);
        Assert.Contains("--stages must be from 1 to", Assert.Throws<BadInputException>(() => HuggingFaceVerification.Run(model, 99)).Message, StringComparison.Ordinal);
    });

    [Fact]
    public void A_loss_with_the_routers_in_it_is_not_compared()
    {
        using var temporary = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Folders().Single(folder => Path.GetFileName(folder) == "jamba")))
        {
            File.Copy(file, temporary.File(Path.GetFileName(file)));
        }

        var config = temporary.File(HuggingFaceConfig.FileName);
        var text = File.ReadAllText(config);
        File.WriteAllText(config, text.Replace("\"output_router_logits\": false", "\"output_router_logits\": true", StringComparison.Ordinal));
        Assert.NotEqual(text, File.ReadAllText(config));
        using var model = new HuggingFaceModel(temporary.Path, Families.All);
        Assert.StartsWith(
            $"{temporary.Path} cannot be compared: output_router_logits is true, ",
            Assert.Throws<BadInputException>(() => HuggingFaceVerification.Run(model, 1)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Those whose family is here.</summary>
    internal static IReadOnlyList<string> Folders()
    {
        var types = Families.All.Select(family => family.HuggingFace?.ModelType).ToHashSet();
        string[] folders =
        [
            .. Goldens.Files("config.json", below: "hf").Select(file => Path.GetDirectoryName(file)!)
                .Where(folder => types.Contains(HuggingFaceConfig.Read(folder).Config.Text("model_type", ""))),
        ];
        Assert.NotEmpty(folders);
        return folders;
    }
}
