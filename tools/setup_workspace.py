"""Makes `.venv` with the four packages and the exact versions of `constraints.txt`.

Every target of the Makefile starts with it. Nothing is compiled: mmcv comes as `mmcv-lite`. `--cuda-ops` also builds
mmcv's compiled operators, `--docs` also installs what builds the site, `--studio` gradio. A second run takes no time
until a version or a dependency changes. Only the standard library is used, because nothing else is there when it runs.
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
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "constraints.txt"
PACKAGES = ("clipvis-core[supervision]", "clipvis-data", "clipvis-eval[burst]", "clipvis-train[tensorboard]")
INSTALLERS = ("pip", "setuptools", "wheel")
TEST_TOOLS = ("pytest", "hypothesis", "ruff", "selenium")  # selenium: pages in a real browser
OPERATOR_BUILD_TOOLS = ("ninja", "psutil", "packaging")
PYTHONS = ((3, 11), (3, 12), (3, 13))  # what the pinned versions are for
IMPORTS = "import clipvis_core.models, clipvis_data, clipvis_eval, clipvis_train"
LINES_READ = 100  # from the end of pip's log: earlier lines may hold errors that pip recovered from
MEMORY_PER_JOB = 2 * 2**30  # bytes that one compiler process of mmcv may take
SITE_TOOLS = ("mkdocs-material", "mkdocstrings[python]", "latex2mathml", "mermaidx", "nbconvert", "ipykernel")

#: What pip's output says, and what a person can do about it. The first that fits is shown.
REMEDIES = (
    (
        r"Failed to establish a new connection|Connection refused|name resolution|ConnectTimeout|timed out|ProxyError",
        "the package registry cannot be reached: check the network, or the proxy in HTTPS_PROXY",
    ),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError", "the registry's certificate is not trusted: set PIP_CERT to your CA file"),
    (r"No space left on device", "the disk is full: about 8 GB are needed (most of it torch), also in TMPDIR"),
    (r"Read-only file system|Permission denied", "no permission to write: clone to a folder of your own"),
    (
        r"No matching distribution found for (\S+)",
        "the registry has no {0} for this Python: is it a mirror that lags behind? PIP_INDEX_URL names another",
    ),
    (r"ResolutionImpossible", "the versions in constraints.txt and in the packages exclude each other: restore them"),
    (r"signal terminated|Killed", "the compiler ran out of memory: set MAX_JOBS=1"),
)


class SetupError(Exception):
    """The set-up cannot go on; the message is one line for the user."""


def check_python(version: tuple[int, int]) -> None:
    """Refuses a Python that the pinned versions do not run on, and names one that is there."""
    if version in PYTHONS:
        return
    names = [f"python{major}.{minor}" for major, minor in PYTHONS]
    found = next((name for name in names if shutil.which(name)), None)
    remedy = f"run `make PYTHON={found} ...`" if found else "install Python 3.12, then `make PYTHON=python3.12 ...`"
    raise SetupError(f"Python 3.11, 3.12 or 3.13 is needed, this is {version[0]}.{version[1]}: {remedy}")


def make_venv() -> None:
    """Creates `.venv`; one that is complete and of this Python is kept, another is replaced."""
    wanted = f"import sys, pip; sys.exit((sys.version_info[:2], sys.prefix) != ({sys.version_info[:2]}, {str(VENV)!r}))"
    if python_runs(wanted):
        return
    if VENV.exists():
        print(".venv is incomplete or of another Python: it is made anew", flush=True)
        shutil.rmtree(VENV)
    result = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if result.returncode:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        if "ensurepip" in result.stdout + result.stderr:
            raise SetupError(f"this Python cannot make environments; on Debian: apt install python{version}-venv")
        raise SetupError(f".venv cannot be made in {ROOT}: {last_line(result.stderr)}")


def python_runs(code: str) -> bool:
    """Whether a line of Python ends well in the environment."""
    python = VENV / "bin" / "python"
    return python.exists() and not subprocess.run([python, "-c", code], capture_output=True, check=False).returncode


def pip_install(*arguments: str, environment: dict[str, str] | None = None) -> None:
    """Installs into the environment, held to the constraints; pip shows its own progress.

    Raises:
        SetupError: pip failed; the message names the cause and the remedy.
    """
    log = ROOT / "build" / "setup" / "pip.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--log", str(log), "-c", str(CONSTRAINTS), *arguments]
    code = subprocess.run(command, env={**os.environ, **(environment or {})}, cwd=ROOT, check=False).returncode
    if code:
        output = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        raise SetupError(f"{explain(output)} (pip's log: {log})")


def explain(output: str) -> str:
    """One line for what pip wrote before it failed."""
    end = "\n".join(output.splitlines()[-LINES_READ:])
    for pattern, remedy in REMEDIES:
        if found := re.search(pattern, end):
            return remedy.format(*found.groups())
    errors = re.findall(r"ERROR: (.+)", output)
    return f"pip failed: {errors[-1].strip() if errors else last_line(output)}"


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "no output"


def install_packages() -> None:
    """The four packages, editable, with what they depend on and what the tests need."""
    pip_install("-q", *INSTALLERS)
    packages = [argument for name in PACKAGES for argument in ("-e", f"{ROOT}/packages/{name}")]
    pip_install("--no-build-isolation", *TEST_TOOLS, *packages)
    if not python_runs(IMPORTS):
        command = f"{VENV / 'bin' / 'python'} -c '{IMPORTS}'"
        raise SetupError(f"everything is installed, but an import fails; see the reason with: {command}")


def build_operators() -> None:
    """Compiles mmcv's operators, for CUDA where nvcc is; its Python files are those of mmcv-lite."""
    check_compiler()
    pip_install("-q", *OPERATOR_BUILD_TOOLS)
    jobs = os.environ.get("MAX_JOBS", str(build_jobs()))
    print(f"mmcv's operators are compiled, {jobs} files at a time: about 14 minutes of one core", flush=True)
    environment = {"MMCV_WITH_OPS": "1", "MAX_JOBS": jobs}
    if not shutil.which("nvcc") and not Path(os.environ.get("CUDA_HOME", "/usr/local/cuda"), "bin", "nvcc").exists():
        environment["CUDA_VISIBLE_DEVICES"] = ""  # a GPU without nvcc would make the build fail
    options = ("--no-build-isolation", "--no-deps", "--force-reinstall", "--no-cache-dir")
    pip_install(*options, "mmcv", environment=environment)
    if not python_runs("import mmcv.ops"):
        raise SetupError("mmcv was built, but `import mmcv.ops` fails: remove .venv and try again")


def check_compiler() -> None:
    """Checks that compiler and headers are there before the long build starts."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))[0]
    if not shutil.which(compiler):
        raise SetupError(f"no C++ compiler: {compiler} is not on the PATH; on Debian: apt install g++")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"
        raise SetupError(f"the headers of Python are missing ({header}); on Debian: apt install {package}")


def build_jobs() -> int:
    """Compiler processes that cores and memory allow."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count() or 1, memory // MEMORY_PER_JOB))


def inputs_digest() -> str:
    """Hash of all that decides what is installed."""
    manifests = [ROOT / "packages" / re.sub(r"\[.*", "", name) / "pyproject.toml" for name in PACKAGES]
    texts = [str(ROOT), str(sys.version_info[:2]), *(path.read_text("utf-8") for path in (CONSTRAINTS, *manifests))]
    return hashlib.sha256("\n".join([*texts, *PACKAGES, *TEST_TOOLS]).encode()).hexdigest()


def install_site_tools() -> None:
    """What `make docs` needs besides, if it is not there yet."""
    stamp = VENV / ".setup-docs"
    digest = hashlib.sha256("\n".join([CONSTRAINTS.read_text("utf-8"), *SITE_TOOLS]).encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        pip_install("-q", *SITE_TOOLS)
        stamp.write_text(digest)


def set_up(*, cuda_ops: bool, docs: bool = False, studio: bool = False) -> None:
    """Does what is not done yet.

    Raises:
        SetupError: Why it cannot be done, and the remedy.
    """
    check_python(sys.version_info[:2])
    stamp = VENV / ".setup"
    digest = inputs_digest()
    if not stamp.is_file() or stamp.read_text() != digest:
        start = time.monotonic()
        print(f"setting up {VENV}: about 3 GB are downloaded the first time, most of it torch", flush=True)
        make_venv()
        install_packages()
        stamp.write_text(digest)
        print(f"set-up done in {time.monotonic() - start:.0f} s", flush=True)
    if studio and not python_runs("import gradio"):
        pip_install("--no-build-isolation", "-e", f"{ROOT}/packages/clipvis-core[studio]")
    if cuda_ops and not python_runs("import mmcv.ops"):
        build_operators()
    if docs:
        install_site_tools()


def fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuda-ops", action="store_true", help="also compile mmcv's operators (needs a compiler)")
    parser.add_argument("--docs", action="store_true", help="also install what builds the documentation site")
    parser.add_argument("--studio", action="store_true", help="also install what `clipvis studio` needs")
    try:
        options = parser.parse_args(arguments)
        set_up(cuda_ops=options.cuda_ops, docs=options.docs, studio=options.studio)
    except SetupError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or ROOT}: {error.strerror}: the set-up needs a folder it can write to")
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
