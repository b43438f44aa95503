#!/usr/bin/env bash
# Trains as a Slurm job with a process for each GPU:
#     [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS="..."] \
#         tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]
source "$(dirname "$0")/_launch.sh"
need 4 "PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]" "$@"
with_slurm "$1" "$2" train.py "$3" --work-dir "$4" "${@:5}"
