"""What all programs have in common: mistakes and Ctrl-C are one line, and arguments are read before torch is imported.

A new program has to be added to `GIVEN`.
"""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")

#: Arguments with which each program gets as far as its first input, which is not there.
GIVEN = {
    "benchmark.py": ["eval", "--baseline", "none.json"],
    "browse_dataset.py": ["none.py", "--out-dir", "out"],
    "build_photo_mini.py": ["measure", "none.safetensors", "none.json", "none"],
    "calibrate.py": ["fit", "none.safetensors", "none.json", "none"],
    "calibrate_photo_mini.py": ["none.safetensors", "none.json", "none"],
    "compare_metrics.py": ["none.json", "none.json"],
    "convert_checkpoint.py": ["none.pth", "out.pth"],
    "draw_method.py": ["none"],
    "evaluate.py": ["--benchmark", "coco", "--gt", "none.json", "--results", "none.json"],
    "evaluate_burst.py": ["--gt", "none.json", "--results", "none.json"],
    "export_weights.py": ["none.pth", "out.safetensors", "--config", "configs/quick/clips.py"],
    "infer.py": ["none.mp4", "--classes", "dog"],
    "make_emoji_clip.py": ["none.mp4", "out.mp4", "--emoji", "taxi"],
    "make_emoji_sprites.py": ["--noto", "none.ttf", "--fluent", "none"],
    "make_noun_table.py": ["none", "out.txt.gz"],
    "make_submission.py": ["--benchmark", "ovis", "--results", "none.json", "--gt", "none.json", "--out", "out.zip"],
    "plot_log.py": ["none"],
    "prepare_data.py": ["check", "none.json"],
    "prepare_emojivis.py": ["out", "--backgrounds", "none"],
    "setup_workspace.py": [],  # reads nothing, and imports the standard library alone
    "test.py": ["none.py", "none.pth"],
    "train.py": ["none.py"],
    "clipvis": ["none.mp4", "--classes", "dog"],
    "clipvis export": ["export", "none", "coco"],
    "clipvis ask": ["ask", "none", "--find", "dog"],
    "clipvis models": ["models"],  # reads nothing
    "clipvis studio": ["studio", "--token", "short"],
    "clipvis-eval": ["--benchmark", "lvvis", "--gt", "none.json", "--results", "none.json"],
    "clipvis-data": ["lvis-norare", "none.json"],
    "clipvis-data burst-to-ytvis": ["burst-to-ytvis", "none.json", "out.json"],
}
READ_NOTHING = {"setup_workspace.py", "clipvis models"}


@pytest.fixture(scope="module")
def starts(repo_root) -> dict[str, str]:
    """How each program is started: the path of a file, or module:function of an installed command."""
    programs = (*repo_root.glob("tools/[!_]*.py"), *repo_root.glob("projects/*/tools/[!_]*.py"))
    found = {path.name: str(path) for path in programs}
    for path in repo_root.glob("packages/*/pyproject.toml"):
        found |= tomllib.loads(path.read_text("utf-8"))["project"].get("scripts", {})
    return found


@pytest.fixture(scope="module")
def outcomes(starts, tmp_path_factory):
    """Runs all programs in a process that has imported nothing: name -> (exit code, stderr)."""
    here = tmp_path_factory.mktemp("programs")

    def run(moment: str, arguments: dict[str, list[str]]) -> dict[str, tuple[int, str]]:
        programs = {name: [starts[name.split()[0]], *given] for name, given in arguments.items()}
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("interrupted.py"), moment],
            input=json.dumps(programs), capture_output=True, text=True, check=True, cwd=here,
        )  # fmt: skip
        return json.loads(done.stdout)

    return run


def test_every_program_is_looked_at(starts):
    from clipvis_core.command_line.clipvis import SUBCOMMANDS

    assert {name.split()[0] for name in GIVEN} == set(starts)
    assert {f"clipvis {name}" for name in SUBCOMMANDS} <= set(GIVEN)


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("--nonsense", 2)])
def test_arguments_are_read_before_torch(outcomes, argument, code):
    """Exit code 99 stands for a process that has imported it."""
    found = outcomes("never", {name: [*given[: " " in name], argument] for name, given in GIVEN.items()})
    assert {name: found for name, (found, _) in found.items()} == dict.fromkeys(GIVEN, code)


@pytest.mark.parametrize("moment", ["arguments", "import"])
def test_ctrl_c_is_one_line(outcomes, moment):
    """At the beginning of a program's work, and while it imports libraries, which may swallow exceptions."""
    given = {name: given for name, given in GIVEN.items() if name not in READ_NOTHING or moment == "arguments"}
    for name, (code, errors) in outcomes(moment, given).items():
        if moment == "import" and code == 2:  # it found its input missing before it imported anything
            assert errors.startswith("error: "), (name, errors)
            continue
        assert code == 130, (name, code, errors)
        assert len(errors.strip().splitlines()) == 1, (name, errors)
        assert errors.strip().startswith("interrupted"), (name, errors)


@pytest.mark.parametrize("name", sorted(set(GIVEN) - READ_NOTHING))
def test_a_missing_input_is_one_line(starts, name, run_program, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    start = starts[name.split()[0]]
    if start.endswith(".py"):
        code, _, errors = run_program(start, *GIVEN[name])
    else:
        monkeypatch.setattr(sys, "argv", ["program", *GIVEN[name]])
        with pytest.raises(SystemExit) as stop:
            pkgutil.resolve_name(start)()
        code, errors = stop.value.code, capsys.readouterr().err
    assert (code, errors.count("\n")) == (2, 1), errors
    assert errors.startswith("error: ")
    assert list(tmp_path.rglob("out*")) == []
