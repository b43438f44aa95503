"""The set-up: its steps, what makes them run again, and what it says when one fails."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tomllib
from packaging.requirements import Requirement


@pytest.fixture
def setup():
    return importlib.import_module("setup_workspace")


@pytest.fixture
def long_command():
    return importlib.import_module("_long_command")


@pytest.fixture
def workspace(setup, tmp_path):
    """A checkout with two pins and a virtual environment that is a link to this one's Python."""
    (tmp_path / "constraints.txt").write_text("one==1.0  # a note\n\n# more\nTwo_b==2.0\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return setup.Workspace(tmp_path)


def recorder(setup, names=("first", "second", "third"), failing=()):
    """Steps that note their runs; `failing` is a list of names that can be changed in between."""
    ran = []

    def action(name):
        def act(workspace):
            ran.append(name)
            if name in failing:
                workspace.run(name, [sys.executable, "-c", "print('bad luck'); raise SystemExit(3)"])

        return act

    steps = [
        setup.Step(name, lambda workspace, name=name: [str(workspace.constraints.get(name))], action(name))
        for name in names
    ]
    return steps, ran


def test_constraints_are_read_by_canonical_name(workspace):
    assert workspace.constraints == {"one": "1.0", "two-b": "2.0"}
    assert workspace.pinned(["TWO.b", "one"]) == ["TWO.b==2.0", "one==1.0"]


@pytest.mark.parametrize("line", ["numpy>=2", "numpy", "numpy==", "-e ."])
def test_constraints_with_another_line(setup, tmp_path, line):
    path = tmp_path / "constraints.txt"
    path.write_text(f"one==1.0\n{line}\n")
    with pytest.raises(setup.StepError, match="line 2"):
        setup.read_constraints(path)


def test_missing_pin_and_missing_file(setup, workspace, tmp_path):
    with pytest.raises(setup.StepError, match="does not pin 'three'"):
        workspace.pinned(["three"])
    with pytest.raises(setup.StepError, match="cannot be read"):
        setup.read_constraints(tmp_path / "no.txt")


@pytest.mark.parametrize("version", [(3, 8), (3, 10), (3, 13), (2, 7)])
def test_other_pythons_are_refused_with_a_remedy(setup, monkeypatch, version):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(setup.StepError, match=r"install Python 3\.11"):
        setup.check_python(version)
    monkeypatch.setattr(shutil, "which", lambda name: name == "python3.12")
    with pytest.raises(setup.StepError, match=r"make PYTHON=python3\.12"):
        setup.check_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12)])
def test_pythons_that_fit(setup, version):
    setup.check_python(version)


def test_second_run_does_nothing(setup, workspace):
    steps, ran = recorder(setup)
    assert [name for name, _ in setup.set_up(workspace, steps)] == ["first", "second", "third"]
    assert setup.set_up(workspace, steps) == []
    assert ran == ["first", "second", "third"]


def test_changed_input_repeats_its_step_and_those_after_it(setup, workspace):
    steps, ran = recorder(setup)
    setup.set_up(workspace, steps)
    workspace.constraints["second"] = "3.0"
    setup.set_up(workspace, steps)
    assert ran == ["first", "second", "third", "second", "third"]


def test_what_follows_a_repeated_step_is_repeated(setup, workspace):
    steps, ran = recorder(setup)
    setup.set_up(workspace, steps)
    (workspace.stamps / "second").unlink()
    setup.set_up(workspace, steps)
    assert ran == ["first", "second", "third", "second", "third"]


def test_failed_step_is_named_and_the_next_run_goes_on_with_it(setup, workspace):
    failing = ["second"]
    steps, ran = recorder(setup, failing=failing)
    with pytest.raises(setup.StepError, match=r"step 2 of 3, second") as info:
        setup.set_up(workspace, steps)
    message = str(info.value)
    log = workspace.logs / "second.log"
    assert "bad luck" in message
    assert "code 3" in message
    assert str(log) in message
    assert "bad luck" in log.read_text()
    failing.clear()
    setup.set_up(workspace, steps)
    assert ran == ["first", "second", "second", "third"]


def test_interrupted_step_is_not_taken_for_done(setup, workspace):
    calls = []

    def interrupted(_):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt

    steps = [setup.Step("only", lambda _: [], interrupted)]
    with pytest.raises(KeyboardInterrupt):
        setup.set_up(workspace, steps)
    assert len(setup.set_up(workspace, steps)) == 1


@pytest.mark.parametrize("broken", ["no python", "no pip"])
def test_half_made_environment_is_replaced(setup, workspace, monkeypatch, broken):
    python = workspace.python
    if broken == "no python":
        python.unlink()
    (workspace.venv / "rubbish").write_text("")
    commands = []
    monkeypatch.setattr(workspace, "run", lambda step, command: commands.append(command))
    setup.make_venv(workspace)  # this link has another prefix, as if pip or Python were another's
    assert not (workspace.venv / "rubbish").exists()
    assert commands == [[sys.executable, "-m", "venv", str(workspace.venv)]]


def test_whole_environment_is_kept(setup, workspace, monkeypatch):
    (workspace.venv / "mine").write_text("")
    monkeypatch.setattr(workspace, "works", lambda code: True)
    setup.make_venv(workspace)
    assert (workspace.venv / "mine").exists()


def test_compiler_and_headers_are_looked_for_before_the_build(setup, workspace, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(setup.StepError, match="apt install g"):
        setup.check_compiler()
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(setup.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(setup.StepError, match=r"apt install python3\.\d+-dev"):
        setup.check_compiler()


def test_mmcv_that_fits_is_not_built_again(setup, workspace, monkeypatch):
    workspace.constraints["mmcv"] = "2.1.0"
    monkeypatch.setattr(workspace, "works", lambda code: True)
    monkeypatch.setattr(workspace, "pip", lambda *a, **k: pytest.fail("nothing to install"))
    setup.build_mmcv(workspace)


def test_cached_build_without_operators_is_compiled_again(setup, workspace, monkeypatch):
    workspace.constraints["mmcv"] = "2.1.0"
    answers = iter([False, False, True])
    calls = []
    monkeypatch.setattr(workspace, "works", lambda code: next(answers))
    monkeypatch.setattr(workspace, "pip", lambda *a, environment: calls.append((a, environment)))
    monkeypatch.setattr(setup, "check_compiler", lambda: None)
    setup.build_mmcv(workspace)
    assert len(calls) == 2
    assert "--no-cache-dir" in calls[1][0]
    assert all(environment["MMCV_WITH_OPS"] == "1" for _, environment in calls)


def test_build_jobs_of_the_user_are_kept(setup, monkeypatch):
    monkeypatch.setenv("MAX_JOBS", "7")
    assert setup.build_environment()["MAX_JOBS"] == "7"
    monkeypatch.delenv("MAX_JOBS")
    assert 1 <= int(setup.build_environment()["MAX_JOBS"]) <= os.cpu_count()


def test_long_command_shows_lines_where_they_cannot_be_overwritten(long_command, monkeypatch, capsys):
    monkeypatch.setattr(long_command, "_LINE_EVERY", 0.0)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    log = io.StringIO()
    code = long_command.run_with_progress(
        "mmcv",
        [sys.executable, "-c", "import time; print('[3/77] c++', flush=True); time.sleep(0.6)"],
        log,
        dict(os.environ),
        Path.cwd(),
    )
    assert code == 0
    assert log.getvalue() == "[3/77] c++\n"
    out = capsys.readouterr().out
    assert re.search(r"mmcv 0\.\d s  compiled 3 of 77\n", out)
    assert "\r" not in out


def test_long_command_ends_with_its_reader(long_command, monkeypatch, tmp_path):
    class StopError(Exception):
        pass

    def stop(*_):
        time.sleep(0.2)  # time for the grandchild to start
        raise StopError

    monkeypatch.setattr(long_command.ProgressLine, "show", stop)
    marker = tmp_path / "late"
    grandchild = f"import time; time.sleep(1); open({str(marker)!r}, 'w')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    start = time.monotonic()
    with pytest.raises(StopError):
        long_command.run_with_progress("x", [sys.executable, "-c", code], io.StringIO(), dict(os.environ), Path.cwd())
    assert time.monotonic() - start < 0.9
    time.sleep(1.2)
    assert not marker.exists()


def test_program_prints_one_reason_and_the_way_on(repo_root, tmp_path):
    shutil.copytree(repo_root / "tools", tmp_path / "tools")
    (tmp_path / "constraints.txt").write_text("numpy\n")
    result = subprocess.run(
        [sys.executable, str(tmp_path / "tools" / "setup_workspace.py")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert "same command again" in result.stderr
    assert "Traceback" not in result.stderr


def declared(repo_root):
    """Every requirement that a package of the workspace declares."""
    for path in sorted((repo_root / "packages").glob("*/pyproject.toml")):
        project = tomllib.loads(path.read_text())["project"]
        optional = project.get("optional-dependencies", {}).values()
        for text in [*project["dependencies"], *(text for group in optional for text in group)]:
            requirement = Requirement(text)
            if not requirement.name.startswith("clipvis"):
                yield path.parent.name, requirement


def test_every_declared_dependency_is_pinned_to_a_version_it_allows(setup, repo_root):
    pins = setup.read_constraints(repo_root / "constraints.txt")
    for package, requirement in declared(repo_root):
        version = pins.get(setup.canonical(requirement.name))
        assert version is not None, f"{package} needs {requirement}, constraints.txt has no pin"
        assert version in requirement.specifier, f"{package} needs {requirement}, the pin is {version}"


def test_what_is_installed_is_what_is_pinned(setup, repo_root):
    if Path(sys.prefix) != repo_root / ".venv":
        pytest.skip("the tests do not run in the workspace's own environment")
    pins = setup.read_constraints(repo_root / "constraints.txt")
    for _, requirement in declared(repo_root):
        assert importlib.metadata.version(requirement.name) == pins[setup.canonical(requirement.name)]
