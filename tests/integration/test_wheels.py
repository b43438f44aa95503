"""What people install: the four packages as wheels, in an environment without a checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PACKAGES = ("core", "data", "eval", "train")


@pytest.fixture(scope="module")
def wheels(repo_root, tmp_path_factory) -> Path:
    """The packages, built from a copy: setuptools keeps what earlier builds left in a source folder."""
    folder = tmp_path_factory.mktemp("wheels")
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("this environment has no pip")
    for name in PACKAGES:
        copy = folder / "source" / name
        ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
        shutil.copytree(repo_root / f"packages/clipvis-{name}", copy, ignore=ignored)
        pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, copy)
    return folder


@pytest.fixture(scope="module")
def environment(wheels, tmp_path_factory):
    """Makes an environment with some of the packages beside what they depend on."""

    def make(*names: str) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        packages = next(folder.glob("lib/python*/site-packages"))
        # Folders of dependencies go on the path by themselves: what they say of editable packages is not read.
        folders = [path for path in sys.path if path.endswith("site-packages")]
        (packages / "dependencies.pth").write_text("\n".join(folders) + "\n")
        found = [next(wheels.glob(f"clipvis_{name}-*.whl")) for name in names]
        pip("--python", folder / "bin/python", "install", "--no-deps", "--no-index", *found)
        return folder / "bin"

    return make


def pip(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "pip", "-q", *map(str, arguments)], check=True)


def run(command: list[object], folder: Path) -> subprocess.CompletedProcess:
    """Runs a program in an empty home, without a trace of the checkout."""
    clean = {"PATH": os.defpath, "HOME": str(folder), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_the_command_and_the_api_answer_without_a_checkout(environment, repo_root, tmp_path):
    programs = environment("core")
    video = shutil.copy(repo_root / "assets/street.mp4", tmp_path)
    run([programs / "clipvis", video, "--classes", "car; dog", "--out-dir", "answer", "--short-side", "96"], tmp_path)
    written = {path.name for path in (tmp_path / "answer").iterdir()}
    assert written >= {"overlay.mp4", "report.html", "results.json", "vocabulary.json"}
    code = """
import numpy, clipvis_core
assert "site-packages" in clipvis_core.__file__, clipvis_core.__file__
from clipvis_core.inference import CLIPVISInferencer
frames = [numpy.zeros((64, 96, 3), numpy.uint8)] * 2
print(CLIPVISInferencer("photo-mini", vocabulary=["car"], short_side=64)(frames, progress=False).num_frames)
from clipvis_core.model_zoo import find_config
print(find_config("video/clipvis_r50_lvis"))
"""
    lines = run([programs / "python", "-c", code], tmp_path).stdout.splitlines()
    assert lines[0] == "2"
    assert lines[1].startswith(str(programs.parent))
    assert "photo-mini" in run([programs / "clipvis", "models"], tmp_path).stdout


def test_evaluators_and_datasets_alone(environment, tmp_path):
    programs = environment("core", "data", "eval")
    video = {"id": 1, "height": 2, "width": 2, "length": 1, "file_names": ["a/0.png"]}
    mask = {"size": [2, 2], "counts": "04"}
    object_ = {"id": 1, "video_id": 1, "category_id": 1, "iscrowd": 0, "segmentations": [mask], "areas": [4]}
    truth = {"videos": [video], "categories": [{"id": 1, "name": "dog"}], "annotations": [object_]}
    result = [{"video_id": 1, "category_id": 1, "score": 0.5, "segmentations": [mask]}]
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps(result))
    options = ["--benchmark", "ovis", "--gt", "gt.json", "--results", "results.json", "--out", "metrics.json"]
    run([programs / "clipvis-eval", *options], tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"]["AP"] == pytest.approx(1)

    dataset = tmp_path / "dataset"
    (dataset / "JPEGImages" / "a").mkdir(parents=True)
    (dataset / "instances.json").write_text(json.dumps(truth))
    code = "from PIL import Image; Image.new('RGB', (2, 2)).save('dataset/JPEGImages/a/0.png')"
    run([programs / "python", "-c", code], tmp_path)
    assert "no faults" in run([programs / "clipvis-data", "check", dataset], tmp_path).stdout
    code = """
from clipvis_data.datasets import VideoInstanceDataset
data = VideoInstanceDataset(data_root="dataset", ann_file="instances.json", data_prefix=dict(img_path="JPEGImages"))
print(len(data), data.metainfo["classes"])
"""
    assert run([programs / "python", "-c", code], tmp_path).stdout.split()[0] == "1"
