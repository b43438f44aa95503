#!/usr/bin/env bash
# Trains with a process for each GPU of a machine:
#     tools/dist_train.sh CONFIG GPUS [options of tools/train.py]
# On several machines, start it on each with NNODES, NODE_RANK and MASTER_ADDR (and PORT) in the environment.
source "$(dirname "$0")/_launch.sh"
need 2 "CONFIG GPUS [options of tools/train.py]" "$@"
with_torchrun "$2" train.py "$1" "${@:3}"
