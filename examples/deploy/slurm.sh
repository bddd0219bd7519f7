#!/usr/bin/env bash
# One node of Pipeline on each node of a Slurm allocation, and a job trained over them:
#   sbatch --nodes=4 examples/deploy/slurm.sh job.hocon [options of "pipeline train"]
# Submit from a folder that all nodes reach under one path, with the job's data and runs; "pipeline" must be on the PATH of all.
# "scancel --batch --signal=TERM JOBID" ends it with a checkpoint; plain scancel ends the nodes at once. A training longer than
# the time limit, in parts that follow one another, each from the checkpoint of the one before:
#   sbatch --array=1-5%1 examples/deploy/slurm.sh job.hocon
#SBATCH --job-name=pipeline
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
##SBATCH --gpus-per-node=4
# (With GPUs, and device = cuda in the job. The signal comes five minutes before the limit: time for a step and a checkpoint.)
set -euo pipefail
umask 077

job=${1:?"usage: sbatch slurm.sh JOB [options of pipeline train]"}
shift
if [ "${SLURM_ARRAY_TASK_ID:-1}" -gt 1 ]; then
  set -- --resume "$@"
fi

mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
first=${hosts[0]}
export PORT=$((20000 + SLURM_JOB_ID % 10000))     # other jobs may have a node on the same machine
export SEED=$first:$PORT

# Certificates for this job alone, in a folder for this user alone; nobody needs the authority's key once they are made.
TRUST=$(mktemp -d "$PWD/.pipeline-$SLURM_JOB_ID-XXXXXX")
export TRUST
nodes=
training=
cleanup() {
  for process in $training $nodes; do
    kill -TERM "$process" 2> /dev/null || true
    wait "$process" || true
  done
  rm -rf "$TRUST"
}
trap cleanup EXIT
pipeline certificates --directory "$TRUST" --host "${hosts[@]}" > /dev/null
rm "$TRUST/authority.key"
for host in "${hosts[@]}"; do
  echo 'pipeline.tls.directory = "."' > "$TRUST/$host/cluster.hocon"
done

start_node() {
  host=$SLURMD_NODENAME
  join=(--join "$SEED")
  if [ "$SEED" = "$host:$PORT" ]; then
    join=()
  fi
  exec pipeline node --config "$TRUST/$host/cluster.hocon" --host "$host" --port "$PORT" --name "$host" "${join[@]}"
}
export -f start_node
srun --ntasks-per-node=1 bash -c start_node &
nodes=$!

cluster=(--config "$TRUST/$first/cluster.hocon" --join "$SEED" --host "$first")
until [ "$(pipeline nodes "${cluster[@]}" --json | grep -o '"address"' | wc -l)" -ge "${#hosts[@]}" ]; do
  kill -0 "$nodes"     # ends here when the nodes have ended
  sleep 2
done

trap 'stopped=yes; kill -TERM "$!" || true' TERM INT     # $! is the training from its first moment on
pipeline train "$job" "${cluster[@]}" "$@" &
training=$!
stopped=yes
while [ -n "$stopped" ]; do     # a signal ends the wait, not the training, which goes on to its checkpoint
  stopped=''
  code=0
  wait "$training" || code=$?
done
training=
exit "$code"
