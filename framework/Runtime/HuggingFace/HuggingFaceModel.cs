using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Jobs;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;
using static TorchSharp.torch;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>A model in Hugging Face's files, opened: its family is known, and every parameter has a tensor of the right type and shape.
/// Weights are read when they are asked for.</summary>
public sealed class HuggingFaceModel : IDisposable
{
    private const string Head = "lm_head.weight";

    /// <summary>Tensors that follow from the architecture; older versions saved them along.</summary>
    private static readonly string[] Buffers = [".attn.bias", ".attn.masked_bias", "rotary_emb.inv_freq"];

    private readonly HuggingFaceWeights weights;
    private readonly IHuggingFaceFormat format;
    private readonly Dictionary<string, string> nameOf = new(StringComparer.Ordinal);
    private readonly List<OriginTensor> tensors = [];

    /// <param name="folder">With config.json and weights.</param>
    /// <param name="architectures">The families that it may be of.</param>
    /// <exception cref="BadInputException">Anything that is wrong with the files, in a sentence.</exception>
    public HuggingFaceModel(string folder, IReadOnlyList<IArchitecture> architectures)
    {
        if (!Directory.Exists(folder))
        {
            throw new BadInputException($"There is no folder {folder}.");
        }

        Folder = folder;
        (var config, ConfigText) = HuggingFaceConfig.Read(folder);
        Architecture = FamilyOf(config, architectures);
        format = Architecture.HuggingFace!;
        weights = new(folder);
        try
        {
            Job = Checked(config, format.Read(config, weights.Entries.ToDictionary(entry => entry.Key, entry => entry.Value.Shape, StringComparer.Ordinal)));
            Definition = Architecture.Define(Job.Model, Job.Model.Vocabulary!.Value);
            foreach (var parameter in Definition.Parameters)
            {
                Bind(parameter);
            }

            CheckUnused();
        }
        catch (ArithmeticException problem)
        {
            Dispose();
            throw new BadInputException($"{ConfigPath}: a size is out of range.", problem);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Folder { get; }

    public IArchitecture Architecture { get; }

    /// <summary>A job that would train it: its model section, and defaults.</summary>
    public JobFile Job { get; }

    public ModelDefinition Definition { get; }

    /// <summary>config.json, to the letter.</summary>
    public string ConfigText { get; }

    /// <summary>The tensors that parameters are read from, or are equal to.</summary>
    public IReadOnlyList<OriginTensor> Tensors => tensors;

    private string ConfigPath => Path.Combine(Folder, HuggingFaceConfig.FileName);

    /// <summary>Why Hugging Face's loss is another than the one here; null where it is not.</summary>
    internal string? OtherLoss => format.OtherLoss(HuggingFaceConfig.Parse(ConfigText, ConfigPath));

    /// <summary>Where Hugging Face's files have a parameter.</summary>
    internal HuggingFaceTensor Locate(string parameter) => format.Locate(parameter);

    /// <param name="parameter">Our name.</param>
    /// <param name="type">To convert to.</param>
    /// <returns>In the caller's scope.</returns>
    public Tensor Read(string parameter, ScalarType type) =>
        (format.Locate(parameter).Transposed ? weights.Read(nameOf[parameter]).t() : weights.Read(nameOf[parameter])).to(type).contiguous();

    public void Dispose() => weights.Dispose();

    private static IArchitecture FamilyOf(HuggingFaceConfig config, IReadOnlyList<IArchitecture> architectures)
    {
        var type = config.Text("model_type", "");
        var known = architectures.Where(one => one.HuggingFace is not null).ToArray();
        return known.FirstOrDefault(one => one.HuggingFace!.ModelType == type)
            ?? throw config.Wrong("model_type", $"one of {string.Join(", ", known.Select(one => one.HuggingFace!.ModelType))}");
    }

    /// <summary>The same checks that a job file's model goes through: a size from an untrusted file is bounded before anything is made of it.</summary>
    private JobFile Checked(HuggingFaceConfig config, ModelSettings settings)
    {
        if (settings.Layers > weights.Entries.Count)
        {
            throw new BadInputException($"{ConfigPath} says {settings.Layers} layers, and the weights have {weights.Entries.Count} tensors in all.");
        }

        var job = new JobFile(new(), settings with { Architecture = Architecture.Name }, new TextDataSettings(["*.txt"]), new(), new(), new(), new(), new(), new(), new());
        var parsed = JobFileReader.Parse(
            SettingsWriter.Write(job), ConfigPath, [], new Dictionary<string, Type> { [Architecture.Name] = Architecture.Settings });
        return parsed.Model.Vocabulary is null ? throw config.Wrong("vocab_size", "given") : parsed;
    }

    private void Bind(ParameterDefinition parameter)
    {
        var place = format.Locate(parameter.Name);
        var name = place.Aliases.Prepend(place.Name).FirstOrDefault(weights.Entries.ContainsKey)
            ?? throw new BadInputException($"The weights in {Folder} lack the tensor {place.Name}.");
        var entry = weights.Entries[name];
        var expected = place.Transposed ? parameter.Shape.Reverse().ToArray() : parameter.Shape;
        if (!entry.Shape.SequenceEqual(expected))
        {
            throw new BadInputException(
                $"The tensor {name} in {Folder} has the shape [{string.Join(", ", entry.Shape)}], and by {HuggingFaceConfig.FileName} it should have [{string.Join(", ", expected)}].");
        }

        nameOf.Add(parameter.Name, name);
        tensors.Add(new(name, FloatType.Word(entry.Type) ?? throw new BadInputException(
            $"The tensor {name} in {Folder} has elements of type {entry.Type}; allowed are {FloatType.Allowed}."), parameter.Name));
    }

    /// <summary>A tensor that nothing here would use is part of another model than the one that would be made of the files.</summary>
    private void CheckUnused()
    {
        var used = nameOf.Values.ToHashSet(StringComparer.Ordinal);
        var unused = weights.Entries.Keys
            .Where(name => !used.Contains(name) && !Buffers.Any(end => name.EndsWith(end, StringComparison.Ordinal)))
            .Where(name => name != Head || !IsTiedCopy(name))
            .Order(StringComparer.Ordinal).Select(name => QuotedText.Shorten(QuotedText.Of(name))).ToArray();
        if (unused.Length > 0)
        {
            throw new BadInputException(
                $"The weights in {Folder} have {unused.Length} {(unused.Length == 1 ? "tensor that" : "tensors that")} the architecture {Architecture.Name} has no place for: "
                + $"{string.Join(", ", unused.Take(3))}{(unused.Length > 3 ? ", ..." : "")}.");
        }
    }

    /// <summary>A head that is tied to the embedding, saved once more.</summary>
    private bool IsTiedCopy(string name)
    {
        var tied = Definition.Layers.SelectMany(layer => layer.Parameters).GroupBy(parameter => parameter.Name, StringComparer.Ordinal)
            .FirstOrDefault(uses => uses.Skip(1).Any())?.Key;
        var entry = weights.Entries[name];
        if (tied is null || weights.Entries[nameOf[tied]] is var other && (other.Type != entry.Type || !other.Shape.SequenceEqual(entry.Shape)))
        {
            return false;
        }

        using var scope = NewDisposeScope();
        if (!weights.Read(name).eq(weights.Read(nameOf[tied])).all().item<bool>())
        {
            throw new BadInputException($"{ConfigPath} ties the head to the embedding, but {name} is not equal to {nameOf[tied]}.");
        }

        tensors.Add(new(name, FloatType.Word(entry.Type)!, tied));
        return true;
    }
}
