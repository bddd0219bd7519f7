namespace Pipeline.Core.Data.Formats;

/// <summary>A document, or a part of one.</summary>
/// <param name="First">A document begins with it.</param>
internal readonly record struct DocumentPiece(string Text, bool First);
