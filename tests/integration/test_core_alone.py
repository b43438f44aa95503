"""With clipvis-core alone, every config of an experiment loads, its model is built, and it infers."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

CODE = """
import sys
for absent in ("clipvis_data", "clipvis_eval", "clipvis_train"):
    sys.modules[absent] = None
from pathlib import Path
import numpy as np
from clipvis_core.inference import CLIPVISInferencer, build_model
from clipvis_core.inference.building import read_config

configs = Path(sys.argv[1])
paths = sorted([*configs.glob("video/*.py"), *configs.glob("image/*.py")])
models = {}  # by what they are made of; numbers that only inference reads do not count
for path in paths:
    model = read_config(path).model
    parts = {key: model.get(key) for key in ("type", "backbone", "head", "text", "data_preprocessor")}
    models.setdefault(repr(parts), path)
frame = np.zeros((48, 64, 3), np.uint8)
for path in models.values():
    if "r50" not in path.name:
        build_model(path, None)
        continue
    inferencer = CLIPVISInferencer(path, None, vocabulary=["dog"], device="cpu", short_side=64)
    assert inferencer([frame]).num_frames == 1
print(len(paths), len(models))
"""


def test_every_config_loads_builds_and_infers(repo_root, tmp_path):
    command = [sys.executable, "-c", CODE, str(repo_root / "configs")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    paths, models = map(int, result.stdout.split()[-2:])
    assert paths >= 20
    assert models >= 4  # RN50 and ConvNeXt-B, each for images and for videos
