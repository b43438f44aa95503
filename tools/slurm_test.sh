#!/usr/bin/env bash
# Tests as a Slurm job with a process for each GPU:
#     [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS="..."] \
#         tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test.py]
source "$(dirname "$0")/_launch.sh"
need 4 "PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test.py]" "$@"
with_slurm "$1" "$2" test.py "$3" "$4" "${@:5}"
