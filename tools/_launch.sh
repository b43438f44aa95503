# What dist_*.sh and slurm_*.sh share; they source it.
set -euo pipefail
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -z "${PYTHON:-}" ]; then # the repository's own, if it is set up
    PYTHON=$TOOLS/../.venv/bin/python
    [ -x "$PYTHON" ] || PYTHON=python
fi

# need COUNT "USAGE" "$@": ends with the usage if there are fewer arguments.
need() {
    local count=$1 usage=$2
    shift 2
    if [ $# -lt "$count" ]; then
        echo "usage: $0 $usage" >&2
        exit 2
    fi
}

# with_torchrun GPUS PROGRAM ...: as many processes on this machine.
with_torchrun() {
    local gpus=$1 program=$2
    shift 2
    exec "$PYTHON" -m torch.distributed.run \
        --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" --nproc-per-node "$gpus" \
        --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}" \
        "$TOOLS/$program" --launcher pytorch "$@"
}

# with_slurm PARTITION JOB_NAME PROGRAM ...: GPUS processes over machines with GPUS_PER_NODE each.
with_slurm() {
    local partition=$1 job=$2 program=$3 gpus=${GPUS:-8}
    shift 3
    local per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
    # shellcheck disable=SC2086 # SRUN_ARGS holds several words
    exec srun --partition "$partition" --job-name "$job" --ntasks "$gpus" \
        --ntasks-per-node "$per_node" --gres "gpu:$per_node" \
        --cpus-per-task "${CPUS_PER_TASK:-5}" --kill-on-bad-exit 1 ${SRUN_ARGS:-} \
        "$PYTHON" -u "$TOOLS/$program" --launcher slurm "$@"
}
