#!/bin/sh
# A cluster for one run, as a SLURM job: sbatch slurm.sh ladder -r /shared/source.mp4 -o ladder.json
#
# vmafx-tune[cluster] is installed where all nodes see it, and its programs are on PATH.
#SBATCH --job-name=vmafx-tune
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=04:00:00
set -eu

folder=$(mktemp -d "${SLURM_SUBMIT_DIR:-.}/vmafx-XXXXXX")
scheduler_file=$folder/scheduler.json
trap 'kill "$scheduler" "$workers" 2>/dev/null || true; rm -rf "$folder"' EXIT

dask scheduler --scheduler-file "$scheduler_file" --no-dashboard &
scheduler=$!
# Each task has the processors that SLURM binds it to, and these are what encoders count.
srun dask worker --scheduler-file "$scheduler_file" --nthreads 1 --no-dashboard \
  --local-directory "${TMPDIR:-/tmp}" &
workers=$!

while ! [ -s "$scheduler_file" ]; do sleep 1; done
address=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' \
  "$scheduler_file")
vmafx-tune "$@" --cluster "$address" --cluster-timeout 120
