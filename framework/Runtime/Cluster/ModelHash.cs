using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Cluster;

/// <summary>Tells models apart by what their layers and parameters are, what they are trained for, and what happens to them between steps.</summary>
internal static class ModelHash
{
    /// <returns>Lower-case hexadecimal SHA-256.</returns>
    public static string Of(ModelDefinition model)
    {
        var text = new StringBuilder();
        Append(text, model);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static void Append(StringBuilder text, ModelDefinition model)
    {
        var carry = model.Carry is { } carried ? $"[{string.Join(',', carried.Shape)}] {carried.Passes}" : "";
        text.Append(CultureInfo.InvariantCulture, $"{model.Objective.GetType()} {carry} {model.Adaptation}\n");
        foreach (var layer in model.Layers)
        {
            text.Append(CultureInfo.InvariantCulture, $"{layer.Name} {layer.Cost} {layer.IsWithoutGradient}\n");
            foreach (var parameter in layer.Parameters)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {parameter.Name} [{string.Join(',', parameter.Shape)}] {parameter.Initialization} {parameter.Decays} {parameter.Update}\n");
            }
        }

        if (model.Growth is { } growth)
        {
            text.Append(CultureInfo.InvariantCulture, $"{growth.Step}\n");
            Append(text, growth.Model);
        }
    }
}
