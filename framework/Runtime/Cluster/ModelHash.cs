using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Cluster;

/// <summary>Tells models apart by what their layers and parameters are.</summary>
internal static class ModelHash
{
    /// <returns>Lower-case hexadecimal SHA-256.</returns>
    public static string Of(ModelDefinition model)
    {
        var text = new StringBuilder();
        foreach (var layer in model.Layers)
        {
            text.Append(CultureInfo.InvariantCulture, $"{layer.Name} {layer.Cost} {layer.IsWithoutGradient}\n");
            foreach (var parameter in layer.Parameters)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {parameter.Name} [{string.Join(',', parameter.Shape)}] {parameter.Initialization} {parameter.Decays} {parameter.Update}\n");
            }
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
