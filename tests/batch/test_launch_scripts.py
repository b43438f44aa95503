"""The scripts for clusters give each process its share, a GPU, and the user's options as they are."""

from __future__ import annotations

import os
import subprocess

import pytest

OPTIONS = ["my videos", "--classes", "dog; it's $HOME", "--out-dir", "out"]
TORCHRUN = """#!/usr/bin/env bash
if [ "$1" = -m ]; then
    while [ "$1" != bash ]; do shift; done
    for rank in 0 1; do RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=2 "$@" || exit $?; done
    exit
fi
echo "gpu $CUDA_VISIBLE_DEVICES"
printf '<%s>' "${@:2}"; echo
exit 3
"""


@pytest.fixture
def run(repo_root, tmp_path):
    """Runs a script with programs of our own in the place of the cluster's."""

    def run(script: str, *arguments: str, programs: dict[str, str], **environment: str) -> list[str]:
        for name, content in programs.items():
            (tmp_path / name).write_text(content)
            (tmp_path / name).chmod(0o755)
        variables = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", **environment}
        command = [repo_root / "tools" / script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize(("visible", "gpus"), [("", "01"), ("6,7", "67")])
def test_torchrun(run, repo_root, tmp_path, visible, gpus):
    given = {"PYTHON": str(tmp_path / "python-of-ours"), "CUDA_VISIBLE_DEVICES": visible}
    lines = run("dist_infer.sh", "2", *OPTIONS, programs={"python-of-ours": TORCHRUN}, **given)
    shared = "".join(f"<{word}>" for word in [str(repo_root / "tools/infer.py"), *OPTIONS, "--shard"])
    assert lines == [f"gpu {gpus[0]}", f"{shared}<1/2>", f"gpu {gpus[1]}", f"{shared}<2/2>"]


def test_slurm(run, repo_root, tmp_path):
    sbatch = '#!/usr/bin/env bash\nprintf "%s\\n" "${@:1:$#-1}"\nSLURM_ARRAY_TASK_ID=3 bash -c "${@: -1}"\n'
    python = '#!/usr/bin/env bash\nprintf "<%s>" "${@:2}"\n'
    programs = {"sbatch": sbatch, "python-of-ours": python}
    lines = run(
        "slurm_infer.sh", "gpu", "park", "8", *OPTIONS, programs=programs, PYTHON=str(tmp_path / "python-of-ours")
    )
    assert lines[lines.index("--array") + 1] == "1-8"
    words = [str(repo_root / "tools/infer.py"), *OPTIONS, "--shard", "3/8"]
    assert lines[-1] == "".join(f"<{word}>" for word in words)
