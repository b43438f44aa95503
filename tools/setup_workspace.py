"""Makes `.venv` with everything the workspace needs, at the versions of `constraints.txt`.

`python tools/setup_workspace.py` is what every target of the Makefile starts with. It goes through
named steps and remembers each one that is done, so that the next run takes no time and a failed or
interrupted one goes on where it stopped. Only the standard library is used: there is nothing else
yet when it runs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from _long_command import duration, last_lines, run_with_progress

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("clipvis-core", "clipvis-data", "clipvis-eval", "clipvis-train")
EXTRAS = {"clipvis-eval": "[burst]", "clipvis-train": "[tensorboard]"}  # what the tests need besides
BUILD_TOOLS = ("pip", "setuptools", "wheel", "ninja", "psutil", "packaging")
TORCH = ("torch", "torchvision")
TEST_TOOLS = ("pytest", "hypothesis", "ruff")
OLDEST, NEWEST = (3, 11), (3, 12)  # what the pinned versions are made for
MODULES = ("torch", "mmcv._ext", "mmdet", "open_clip", "av", "pycocotools.mask", "cv2", "pytest")

_MEMORY_PER_JOB = 2 * 2**30  # bytes that one compiler process of mmcv may take


class StepError(Exception):
    """A step could not be done; the message is what the user reads."""


class Workspace:
    """The checkout, its virtual environment, and how commands run in it.

    Args:
        root: Folder of the checkout.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.constraints_file = root / "constraints.txt"
        self.constraints = read_constraints(self.constraints_file)
        self.stamps = self.venv / ".setup"
        self.logs = root / "build" / "setup"

    def pinned(self, names: Sequence[str]) -> list[str]:
        """`name==version` for each name."""
        try:
            return [f"{name}=={self.constraints[canonical(name)]}" for name in names]
        except KeyError as error:
            raise StepError(f"{self.constraints_file} does not pin {error}; restore the file") from None

    def pip(self, step: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        """Installs into the virtual environment, held to the constraints."""
        command = [str(self.python), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
        command += ["--disable-pip-version-check", "-c", str(self.constraints_file), *arguments]
        self.run(step, command, environment)

    def run(self, step: str, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
        """Runs a command, its output in the step's log, its progress on one line."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{step}.log"
        with log.open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"$ {shlex.join(command)}\n")
            file.flush()
            code = run_with_progress(step, command, file, {**os.environ, **(environment or {})}, self.root)
        if code:
            tail = "\n".join("    " + line for line in last_lines(log, 20))
            raise StepError(f"{shlex.join(command[:4])} ... ended with code {code}:\n{tail}\nWhole log: {log}")

    def works(self, code: str) -> bool:
        """Whether a line of Python runs without an error in the virtual environment."""
        if not self.python.exists():
            return False
        command = [str(self.python), "-c", code]
        result = subprocess.run(command, capture_output=True, cwd=self.root, check=False)
        return result.returncode == 0


@dataclass(frozen=True)
class Step:
    """One named part of the set-up.

    Attributes:
        name: Short name; also the name of its log.
        inputs: What it depends on; a change makes it and all later steps run again.
        action: Does it; raises `StepError` if it cannot.
    """

    name: str
    inputs: Callable[[Workspace], Sequence[str]]
    action: Callable[[Workspace], None]


def read_constraints(path: Path) -> dict[str, str]:
    """Versions by canonical name from the `name==version` lines of a file.

    Raises:
        StepError: The file is missing or a line is something else.
    """
    versions = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise StepError(f"{path} cannot be read ({error.strerror}); restore it") from None
    for number, line in enumerate(lines, 1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        name, separator, version = text.partition("==")
        if not separator or not version:
            raise StepError(f"{path}, line {number}: {line!r} is not name==version; correct it")
        versions[canonical(name)] = version.strip()
    return versions


def canonical(name: str) -> str:
    """A distribution's name as registries compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def check_python(version: tuple[int, int]) -> None:
    """Refuses a Python that the pinned versions do not run on, and names one that they do."""
    if OLDEST <= version <= NEWEST:
        return
    wanted = [f"python{OLDEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    found = next((name for name in wanted if shutil.which(name)), None)
    remedy = f"run `make PYTHON={found} ...`" if found else "install Python 3.11 and run `make PYTHON=python3.11 ...`"
    raise StepError(f"Python 3.11 or 3.12 is needed, this is {version[0]}.{version[1]}: {remedy}")


def make_venv(workspace: Workspace) -> None:
    """Creates the virtual environment; one that is whole is kept, a half-made one replaced."""
    whole = (
        "import sys, pip; sys.exit(sys.version_info[:2] != "
        f"{sys.version_info[:2]!r} or sys.prefix != {str(workspace.venv)!r})"
    )
    if workspace.works(whole):
        return
    if workspace.venv.exists():
        print("  .venv is incomplete or of another Python: made anew", flush=True)
        shutil.rmtree(workspace.venv)
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        raise StepError(
            "this Python has no ensurepip; on Debian: "
            f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        ) from None
    workspace.run("venv", [sys.executable, "-m", "venv", str(workspace.venv)])


def install_build_tools(workspace: Workspace) -> None:
    workspace.pip("build-tools", *workspace.pinned(BUILD_TOOLS))


def install_torch(workspace: Workspace) -> None:
    workspace.pip("torch", *workspace.pinned(TORCH))


def build_mmcv(workspace: Workspace) -> None:
    """Builds mmcv with its operators, unless a build that fits this torch is there already."""
    pinned = workspace.pinned(["mmcv"])
    version = workspace.constraints["mmcv"]
    fits = f"import torch, mmcv._ext, sys; sys.exit(mmcv.__version__ != {version!r})"
    if workspace.works(fits):
        return
    check_compiler()
    environment = build_environment()
    print(
        f"  unless pip has them in its cache, mmcv's operators are compiled now, "
        f"{environment['MAX_JOBS']} files at a time: about 14 minutes of one core",
        flush=True,
    )
    options = ["-v", "--no-build-isolation", *pinned]
    workspace.pip("mmcv", *options, environment=environment)
    if not workspace.works(fits):
        # What pip took from its cache was built without operators, or against another torch.
        print("  the cached build does not fit this torch: compiling again", flush=True)
        workspace.pip("mmcv", "--no-cache-dir", "--force-reinstall", "--no-deps", *options, environment=environment)
    if not workspace.works(fits):
        raise StepError("mmcv was built, but `import mmcv._ext` fails; see build/setup/mmcv.log")


def check_compiler() -> None:
    """Says what is missing before the long build starts, not in its middle."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))[0]
    if not shutil.which(compiler):
        raise StepError(
            f"no C++ compiler ({compiler} is not on the PATH), and mmcv is compiled from source; "
            "on Debian: apt install g++"
        )
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        raise StepError(
            f"the headers of Python are missing ({header}), and mmcv is compiled from source; "
            f"on Debian: apt install python{sys.version_info[0]}.{sys.version_info[1]}-dev"
        )


def build_environment() -> dict[str, str]:
    """Environment variables of mmcv's build; those that the user has set stay."""
    environment = {
        "MMCV_WITH_OPS": "1",
        "MAX_JOBS": os.environ.get("MAX_JOBS", str(build_jobs())),
        "PYTHONUNBUFFERED": "1",
    }
    cuda_home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
    if not shutil.which("nvcc") and not Path(cuda_home, "bin", "nvcc").exists():
        environment["CUDA_VISIBLE_DEVICES"] = ""  # a GPU without nvcc would make the build fail
    return environment


def build_jobs() -> int:
    """Compiler processes that cores and memory allow."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return cores
    return max(1, min(cores, memory // _MEMORY_PER_JOB))


def install_packages(workspace: Workspace) -> None:
    """The four packages, editable, with what they depend on and what the tests need."""
    arguments = ["--no-build-isolation", *workspace.pinned(TEST_TOOLS)]
    for name in PACKAGES:
        arguments += ["-e", f"{workspace.root / 'packages' / name}{EXTRAS.get(name, '')}"]
    workspace.pip("packages", *arguments)


def check_imports(workspace: Workspace) -> None:
    """Imports everything once: a broken installation shows here, not in the middle of a run."""
    names = [*MODULES, *(name.replace("-", "_") for name in PACKAGES)]
    workspace.run("check", [str(workspace.python), "-c", f"import {', '.join(names)}"])


def _pins(*names: str) -> Callable[[Workspace], list[str]]:
    return lambda workspace: workspace.pinned(names)


def _everything(workspace: Workspace) -> list[str]:
    """All constraints and the packages' metadata."""
    manifests = [workspace.root / "packages" / name / "pyproject.toml" for name in PACKAGES]
    return [workspace.constraints_file.read_text(), *(path.read_text() for path in manifests)]


STEPS = (
    Step("venv", lambda workspace: [str(workspace.root), str(sys.version_info[:2])], make_venv),
    Step("build-tools", _pins(*BUILD_TOOLS), install_build_tools),
    Step("torch", _pins(*TORCH), install_torch),
    Step("mmcv", _pins("mmcv"), build_mmcv),
    Step("packages", _everything, install_packages),
    Step("check", lambda workspace: list(MODULES), check_imports),
)


def keys(workspace: Workspace, steps: Sequence[Step] = STEPS) -> Iterator[tuple[Step, str]]:
    """Each step with the hash of its inputs and of all before it."""
    digest = ""
    for step in steps:
        text = "\n".join([digest, step.name, *step.inputs(workspace)])
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield step, digest


def set_up(workspace: Workspace, steps: Sequence[Step] = STEPS) -> list[tuple[str, float]]:
    """Does the first step that is not done yet, and all after it.

    Returns:
        Name and seconds of each step that ran.

    Raises:
        StepError: A step failed; the message names it and the way on.
    """
    done: list[tuple[str, float]] = []
    for number, (step, key) in enumerate(keys(workspace, steps), 1):
        stamp = workspace.stamps / step.name
        if not done and stamp.is_file() and stamp.read_text() == key:
            continue
        print(f"[{number}/{len(steps)}] {step.name}", flush=True)
        stamp.unlink(missing_ok=True)
        (workspace.logs / f"{step.name}.log").unlink(missing_ok=True)
        start = time.monotonic()
        try:
            step.action(workspace)
        except StepError as error:
            raise StepError(f"set-up failed in step {number} of {len(steps)}, {step.name}: {error}") from None
        workspace.stamps.mkdir(parents=True, exist_ok=True)
        stamp.write_text(key)
        done.append((step.name, time.monotonic() - start))
    return done


def fail(message: str) -> NoReturn:
    """Prints why, and how to go on, and leaves with exit code 2."""
    print(f"error: {message}", file=sys.stderr)
    print(
        "Mend the cause and give the same command again: it goes on with this step.\n"
        "To begin from nothing, remove the folder .venv.",
        file=sys.stderr,
    )
    sys.exit(2)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    try:
        check_python(sys.version_info[:2])
        done = set_up(Workspace(ROOT))
    except StepError as error:
        fail(str(error))
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on with this step", file=sys.stderr)
        sys.exit(130)
    if done:
        print("set-up done: " + ", ".join(f"{name} {duration(taken)}" for name, taken in done))


if __name__ == "__main__":
    main()
