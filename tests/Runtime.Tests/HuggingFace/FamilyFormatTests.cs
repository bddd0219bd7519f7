using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.HuggingFace;
using Pipeline.Runtime.Tests.Generation;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.HuggingFace;

/// <summary>What must hold for the format of every family that has one.</summary>
public class FamilyFormatTests
{
    /// <summary>Of config.json: it changes no result, and is not read.</summary>
    private const string ChunkSize = "chunk_size";

    public static TheoryData<string> Names => [.. Families.All.Where(family => family.HuggingFace is not null).Select(family => family.Name)];

    /// <summary>A model that was trained here goes out and comes in as the same.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public async Task What_was_made_here_goes_out_and_comes_in(string family)
    {
        using var run = new TestRun(null, SmallModel.SettingsOf(family));
        await run.RunAsync("job.steps=2", "parallel={stages=2,split=even}");
        using var folder = new TemporaryFolder();
        new HuggingFaceExport(run.Directory, Families.All).Write(folder.File("out"), long.MaxValue, overwrite: false);
        using (var model = new HuggingFaceModel(folder.File("out"), Families.All))
        {
            Assert.Equal(family, model.Architecture.Name);
            HuggingFaceImport.Run(model, folder.File("run"), "float32");
        }

        new HuggingFaceExport(folder.File("run"), Families.All).Write(folder.File("again"), long.MaxValue, overwrite: false);
        Assert.Equal(ModelFolder.Bytes(folder.File("out")), ModelFolder.Bytes(folder.File("again")));
    }

    /// <summary>Each switch of the family turned over, one at a time: what is written is read as the same, or is refused with a sentence.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Settings_that_are_written_are_read_again(string family)
    {
        var (architecture, plain) = (Families.All.Single(one => one.Name == family), SmallModel.SettingsOf(family));
        AssertSame(architecture, plain, mayRefuse: false);
        foreach (var name in architecture.Settings.GetConstructors()[0].GetParameters().Where(parameter => parameter.ParameterType == typeof(bool)).Select(parameter => parameter.Name!))
        {
            AssertSame(architecture, With(plain, name, !(bool)plain.GetType().GetProperty(name)!.GetValue(plain)!), mayRefuse: true);
        }
    }

    /// <summary>Each tensor missing, of a strange shape or a strange name: a model or a sentence.</summary>
    [Fact]
    public void Tensors_that_are_missing_or_strange_are_a_sentence() => Assert.All(GoldenModelTests.Folders(), golden =>
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(golden, HuggingFaceConfig.FileName), folder.File(HuggingFaceConfig.FileName));
        using var scope = NewDisposeScope();
        using var file = SafeTensorsFile.Open(Path.Combine(golden, ModelFolder.Weights));
        var whole = file.Entries.Keys.Select(name => (Name: name, Value: file.Read(name))).ToArray();
        (string, Tensor)[][] strange =
        [
            .. whole.SelectMany((tensor, index) => new (string, Tensor)[]?[]
            {
                null,
                [(tensor.Name, zeros([]))],
                [(tensor.Name, zeros(0))],
                [(tensor.Name, zeros(0, 0))],
                [(tensor.Name, zeros(1, 0, 4))],
                [(tensor.Name, zeros(3, 5))],
                [(tensor.Name.Replace(".0.", ".", StringComparison.Ordinal), tensor.Value)],
                [(tensor.Name.Replace(".0.", ".x.", StringComparison.Ordinal), tensor.Value)],
            }.Select(replaced => (replaced ?? []).Concat(whole.Where((_, other) => other != index)).ToArray())),
            [.. whole, ("backbone.layers.", zeros(1)), ("model.layers.", zeros(1))],
            [.. whole, ("backbone.layers.7", zeros(1)), ("model.layers.99999999999.mlp.gate_proj.weight", zeros(1))],
        ];
        var accepted = strange.Count(tensors =>
        {
            if (tensors.Select(tensor => tensor.Item1).Distinct().Count() < tensors.Length)
            {
                return false;   // no such file can be
            }

            SafeTensorsWriter.Write(folder.File(ModelFolder.Weights), tensors, new Dictionary<string, string>());
            try
            {
                using var model = new HuggingFaceModel(folder.Path, Families.All);
                return true;
            }
            catch (BadInputException)
            {
                return false;
            }
        });
        Assert.InRange(accepted, 1, strange.Length / 2);   // names that have no ".0." stay what they were
    });

    private static void AssertSame(IArchitecture architecture, ModelSettings settings, bool mayRefuse)
    {
        JsonObject written;
        try
        {
            written = architecture.HuggingFace!.Write(settings, SmallModel.Rows);
        }
        catch (BadInputException) when (mayRefuse)
        {
            return;
        }

        var shapes = new Dictionary<string, IReadOnlyList<long>>(StringComparer.Ordinal);
        foreach (var parameter in architecture.Define(settings, SmallModel.Rows).Parameters)
        {
            var place = architecture.HuggingFace.Locate(parameter.Name);
            shapes.Add(place.Name, place.Transposed ? [.. parameter.Shape.Reverse()] : parameter.Shape);
        }

        var read = architecture.HuggingFace.Read(HuggingFaceConfig.Parse(written.ToJsonString(), "config.json"), shapes);
        Assert.Equal(
            architecture.Define(settings, SmallModel.Rows).Parameters.Select(parameter => parameter.Name), architecture.Define(read, SmallModel.Rows).Parameters.Select(parameter => parameter.Name));
        var again = architecture.HuggingFace.Write(read, SmallModel.Rows);
        written.Remove(ChunkSize);
        again.Remove(ChunkSize);
        Assert.Equal(written.ToJsonString(), again.ToJsonString());
    }

    /// <summary>The settings with one value changed.</summary>
    private static ModelSettings With(ModelSettings settings, string name, object value)
    {
        var constructor = settings.GetType().GetConstructors()[0];
        return (ModelSettings)constructor.Invoke(
            [.. constructor.GetParameters().Select(parameter => parameter.Name == name ? value : settings.GetType().GetProperty(parameter.Name!)!.GetValue(settings))]);
    }
}
