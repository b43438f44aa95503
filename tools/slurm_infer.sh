#!/usr/bin/env bash
# Segments many videos as a Slurm array: each task does its share of the list, and the same command again what is left.
#     [GPUS_PER_TASK=1] [CPUS_PER_TASK=5] [SBATCH_ARGS="..."] \
#         tools/slurm_infer.sh PARTITION JOB_NAME SHARES INPUT... [options of tools/infer.py]
# Give a --list rather than a folder that still fills up: all tasks have to see the same inputs.
source "$(dirname "$0")/_launch.sh"
need 4 "PARTITION JOB_NAME SHARES INPUT... [options of tools/infer.py]" "$@"
partition=$1 job=$2 shares=$3
shift 3
command=$(printf '%q ' "$PYTHON" -u "$TOOLS/infer.py" "$@")
# shellcheck disable=SC2086 # SBATCH_ARGS holds several words
exec sbatch --partition "$partition" --job-name "$job" --array "1-$shares" --requeue \
    --gres "gpu:${GPUS_PER_TASK:-1}" --cpus-per-task "${CPUS_PER_TASK:-5}" ${SBATCH_ARGS:-} \
    --wrap "exec $command --shard \$SLURM_ARRAY_TASK_ID/$shares"
