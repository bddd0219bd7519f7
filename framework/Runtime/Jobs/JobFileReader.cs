namespace Pipeline.Runtime.Jobs;
