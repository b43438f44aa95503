#!/usr/bin/env bash
# Segments many videos with a process for each GPU, started by torchrun; each does its share of the list:
#     tools/dist_infer.sh GPUS INPUT... [options of tools/infer.py]
# On several machines, start it on each with NNODES, NODE_RANK and MASTER_ADDR (and PORT) in the environment.
source "$(dirname "$0")/_launch.sh"
need 2 "GPUS INPUT... [options of tools/infer.py]" "$@"
gpus=$1
shift
# Exit code 3 (some inputs failed) is in failures-*.csv, and must not end the other processes.
# shellcheck disable=SC2016 # the variables are those of each process
share='IFS=, read -ra devices <<<"${CUDA_VISIBLE_DEVICES:-}"
export CUDA_VISIBLE_DEVICES=${devices[LOCAL_RANK]:-$LOCAL_RANK}
"$@" --shard "$((RANK + 1))/$WORLD_SIZE" || [ $? -eq 3 ]'
exec "$PYTHON" -m torch.distributed.run --no-python \
    --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" --nproc-per-node "$gpus" \
    --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}" \
    bash -c "$share" share "$PYTHON" -u "$TOOLS/infer.py" "$@"
