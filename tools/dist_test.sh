#!/usr/bin/env bash
# Tests with a process for each GPU of a machine:
#     tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of tools/test.py]
# On several machines, start it on each with NNODES, NODE_RANK and MASTER_ADDR (and PORT) in the environment.
source "$(dirname "$0")/_launch.sh"
need 3 "CONFIG CHECKPOINT GPUS [options of tools/test.py]" "$@"
with_torchrun "$3" test.py "$1" "$2" "${@:4}"
