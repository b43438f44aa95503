"""The published system's weights-by-formula and reference tensors, and our model filled with them."""

from __future__ import annotations

import gzip
import importlib.util
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from clipvis_core.checkpoints import to_ours
from clipvis_core.inference import build_model
from clipvis_core.models.base import CLIPVISModel

BACKBONES = {"rn50": "r50", "convnextb": "convnext-b"}
EXPERIMENTS = {("video", 7): "lvis", ("video", 10): "ytvis2019", ("image", 7): "lvis", ("image", 10): "coco"}


class Reference:
    """Reads reference files and builds the models they were made with.

    Cases are named like the files: `A_rn50_dec7` is clip A, backbone `rn50`, `dec7` = 6 decoder layers.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.root = root
        spec = importlib.util.spec_from_file_location("fill_recipe", folder / "fill_recipe.py")
        self.recipe = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.recipe)
        self.model = lru_cache(maxsize=2)(self._model)

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / f"{name}.npz") as file:
            return dict(file)

    def json(self, name: str) -> dict:
        return json.loads((self.folder / f"{name}.json").read_text())

    def results(self, case: str) -> list[dict]:
        with gzip.open(self.folder / f"results_{case}.json.gz") as file:
            return json.load(file)

    def classes(self) -> list[str]:
        return self.json("text_A_classes")["classes"]

    def official_state(self, kind: str, depth: int) -> dict[str, torch.Tensor]:
        """The `model` entry of a checkpoint, filled by the recipe."""
        state = {
            entry["name"]: torch.zeros(entry["shape"], dtype=getattr(torch, entry["dtype"]))
            for entry in self.json(f"state_dict_{kind}_dec{depth}")
        }
        state["criterion.empty_object_weight"] = torch.tensor([1.0, 0.4])
        return self.recipe.fill(state)

    def _model(self, mode: str, kind: str, depth: int) -> CLIPVISModel:
        name = f"clipvis_{BACKBONES[kind]}_{EXPERIMENTS[mode, depth]}.py"
        config = Config.fromfile(self.root / "configs" / mode / name)
        config.model.text = dict(cache_dir=False)
        model = build_model(config, checkpoint=None)
        model.load_state_dict(to_ours(self.official_state(kind, depth)), strict=True)
        model.set_vocabulary(self.classes())
        return model

    def clip(self, letter: str, kind: str, model: CLIPVISModel) -> torch.Tensor:
        """Frames of a reference clip as the network takes them, `(T, 3, H, W)`."""
        frames = torch.from_numpy(self.arrays(f"clip_{letter}_{kind}")["frames"]).permute(0, 3, 1, 2)
        return model.data_preprocessor({"inputs": [frames], "data_samples": None}, False)["inputs"][0]


@pytest.fixture(scope="session")
def reference(reference_dir: Path, repo_root: Path) -> Reference:
    return Reference(reference_dir / "parity", repo_root)


@pytest.fixture(autouse=True)
def _inference_threads() -> None:
    torch.set_num_threads(2)
