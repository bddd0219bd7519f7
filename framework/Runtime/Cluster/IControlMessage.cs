namespace Pipeline.Runtime.Cluster;

/// <summary>A message that may cross from one process to another. These and no others: nothing on the wire names a type.</summary>
internal interface IControlMessage;
