"""The set-up: what makes it run again, and what it says when something is missing."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement


@pytest.fixture
def setup(monkeypatch, tmp_path, repo_root):
    """The program over an empty checkout, whose environment is a link to this one's Python."""
    module = importlib.reload(importlib.import_module("setup_workspace"))
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    shutil.copytree(
        repo_root / "packages", tmp_path / "packages", ignore=lambda _, names: {n for n in names if n == "src"}
    )
    shutil.copy(repo_root / "constraints.txt", tmp_path)
    for name, path in (("ROOT", "."), ("VENV", ".venv"), ("CONSTRAINTS", "constraints.txt")):
        monkeypatch.setattr(module, name, tmp_path / path)
    return module


@pytest.mark.parametrize("version", [(3, 8), (3, 10), (3, 14), (2, 7)])
def test_other_pythons_are_refused_with_a_remedy(setup, monkeypatch, version):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(setup.SetupError, match=r"install Python 3\.12"):
        setup.check_python(version)
    monkeypatch.setattr(shutil, "which", lambda name: name == "python3.13")
    with pytest.raises(setup.SetupError, match=r"make PYTHON=python3\.13"):
        setup.check_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_pythons_that_fit(setup, version):
    setup.check_python(version)


def test_second_run_does_nothing_until_an_input_changes(setup, monkeypatch, tmp_path):
    runs = []
    monkeypatch.setattr(setup, "make_venv", lambda: None)
    monkeypatch.setattr(setup, "install_packages", lambda: runs.append(1))
    setup.set_up(cuda_ops=False)
    setup.set_up(cuda_ops=False)
    assert len(runs) == 1
    with (tmp_path / "packages/clipvis-data/pyproject.toml").open("a") as file:
        file.write("# changed\n")
    setup.set_up(cuda_ops=False)
    assert len(runs) == 2


def test_a_failed_run_is_not_taken_for_done(setup, monkeypatch):
    def fail():
        raise setup.SetupError("no")

    monkeypatch.setattr(setup, "make_venv", lambda: None)
    monkeypatch.setattr(setup, "install_packages", fail)
    for _ in range(2):
        with pytest.raises(setup.SetupError, match="no"):
            setup.set_up(cuda_ops=False)


@pytest.mark.parametrize("broken", ["no python", "another prefix"])
def test_half_made_environment_is_replaced(setup, monkeypatch, broken):
    if broken == "no python":
        (setup.VENV / "bin" / "python").unlink()
    (setup.VENV / "rubbish").write_text("")
    commands = []
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(setup, "python_runs", lambda code: False)
    monkeypatch.setattr(setup.subprocess, "run", lambda command, **_: commands.append(command) or done)
    setup.make_venv()
    assert not (setup.VENV / "rubbish").exists()
    assert commands == [[sys.executable, "-m", "venv", str(setup.VENV)]]


def test_a_python_without_venv_is_named(setup, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "ensurepip is not available", "")
    monkeypatch.setattr(setup, "python_runs", lambda code: False)
    monkeypatch.setattr(setup.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(setup.SetupError, match=r"apt install python3\.\d+-venv"):
        setup.make_venv()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("Retrying ... Failed to establish a new connection: [Errno 111]\nERROR: No matching distribution", "network"),
        ("ERROR: No matching distribution found for torch==2.11.0", "no torch==2.11.0 for this Python"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: ... [Errno 30] Read-only file system: '/x'", "clone to a folder of your own"),
        ("ERROR: ResolutionImpossible: for help", "exclude each other"),
        ("c++: fatal error: Killed signal terminated program cc1plus", "MAX_JOBS=1"),
        ("some words\nERROR: a new kind of trouble\n", "pip failed: a new kind of trouble"),
        ("", "no output"),
    ],
)
def test_what_pip_says_becomes_one_line(setup, output, words):
    assert words in setup.explain(output)


def test_no_network_is_one_line(setup, monkeypatch):
    monkeypatch.setattr(setup, "VENV", Path(sys.prefix))
    if not setup.python_runs("import pip"):
        pytest.skip("this environment has no pip")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    environment = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    with pytest.raises(setup.SetupError, match="registry cannot be reached"):
        setup.pip_install("a-package-that-nobody-has", environment=environment)


def test_compiler_and_headers_are_looked_for_before_the_build(setup, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(setup.SetupError, match=r"apt install g\+\+"):
        setup.check_compiler()
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(setup.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(setup.SetupError, match=r"apt install python3\.\d+-dev"):
        setup.check_compiler()


def test_operators_are_built_only_when_asked_for_and_missing(setup, monkeypatch):
    built = []
    monkeypatch.setattr(setup, "make_venv", lambda: None)
    monkeypatch.setattr(setup, "install_packages", lambda: None)
    monkeypatch.setattr(setup, "build_operators", lambda: built.append(1))
    setup.set_up(cuda_ops=False)
    assert not built
    monkeypatch.setattr(setup, "python_runs", lambda code: False)
    setup.set_up(cuda_ops=True)
    monkeypatch.setattr(setup, "python_runs", lambda code: True)
    setup.set_up(cuda_ops=True)
    assert len(built) == 1


def test_what_builds_the_site_is_installed_once_and_only_when_asked_for(setup, monkeypatch):
    installed = []
    monkeypatch.setattr(setup, "make_venv", lambda: None)
    monkeypatch.setattr(setup, "install_packages", lambda: None)
    monkeypatch.setattr(setup, "pip_install", lambda *names, **options: installed.append(names))
    setup.set_up(cuda_ops=False)
    assert not installed
    setup.set_up(cuda_ops=False, docs=True)
    setup.set_up(cuda_ops=False, docs=True)
    assert len(installed) == 1
    assert "mkdocs-material" in installed[0]
    setup.CONSTRAINTS.write_text("mkdocs-material==9.9.0\n")
    setup.set_up(cuda_ops=False, docs=True)
    assert len(installed) == 2


def test_a_folder_that_cannot_be_written_is_one_line(setup, monkeypatch, capsys):
    def read_only():
        raise PermissionError(13, "Permission denied", "/somewhere/.venv")

    monkeypatch.setattr(setup, "make_venv", read_only)
    with pytest.raises(SystemExit) as stop:
        setup.main([])
    assert stop.value.code == 2
    assert re.fullmatch(r"error: /somewhere/\.venv: Permission denied: .*write to\n", capsys.readouterr().err)


def pins(repo_root) -> dict[str, str]:
    """Versions by canonical name; the file has nothing but `name==version`."""
    lines = (repo_root / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"==[^,*]+", str(requirement.specifier)) for requirement in requirements)
    return {canonical(requirement.name): str(requirement.specifier)[2:] for requirement in requirements}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(repo_root):
    """Every requirement that a package of the workspace declares."""
    for path in sorted((repo_root / "packages").glob("*/pyproject.toml")):
        project = tomllib.loads(path.read_text())["project"]
        optional = project.get("optional-dependencies", {}).values()
        for text in [*project["dependencies"], *(text for group in optional for text in group)]:
            requirement = Requirement(text)
            if not requirement.name.startswith("clipvis"):
                yield path.parent.name, requirement


def test_every_declared_dependency_is_pinned_to_a_version_it_allows(repo_root):
    versions = pins(repo_root)
    for package, requirement in declared(repo_root):
        version = versions.get(canonical(requirement.name))
        assert version is not None, f"{package} needs {requirement}, constraints.txt has no pin"
        assert version in requirement.specifier, f"{package} needs {requirement}, the pin is {version}"


def test_what_is_installed_is_what_is_pinned(repo_root):
    if Path(sys.prefix) != repo_root / ".venv":
        pytest.skip("the tests do not run in the workspace's own environment")
    versions = pins(repo_root)
    installed = {canonical(found.name): found.version for found in importlib.metadata.distributions()}
    names = {canonical(requirement.name) for _, requirement in declared(repo_root)}
    assert {"torch", "mmdet", "mmcv-lite"} <= names & installed.keys()
    for name in names & installed.keys():  # extras such as Ray are not there
        assert installed[name] == versions[name]
