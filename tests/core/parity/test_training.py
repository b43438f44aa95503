"""The published losses and gradients again, this time from files on disk through pipeline, loader and Runner."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from PIL import Image
from pycocotools import mask as coco_mask

import clipvis_train.hooks  # noqa: F401 - registers what configs name
from clipvis_core.checkpoints import to_official, to_ours
from clipvis_core.models.criterion import PointSampler

from .test_criterion import StoredPoints, our_name

CLIP_NORM = 0.01


class Recorder(Hook):
    """Keeps the losses of the first iteration, and its gradients as the optimizer gets them."""

    def before_train(self, runner: Runner) -> None:
        self.gradients: dict[str, torch.Tensor] = {}
        runner.optim_wrapper.optimizer.register_step_pre_hook(
            lambda *_: self.gradients.update(
                (name, parameter.grad.clone())
                for name, parameter in runner.model.named_parameters()
                if parameter.grad is not None
            )
        )

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        scalars = runner.message_hub.log_scalars
        self.losses = {
            name.removeprefix("train/"): scalar.current()
            for name, scalar in scalars.items()
            if "loss" in name or name == "train/grad_norm"
        }


def encode(mask: np.ndarray) -> dict:
    record = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": record["size"], "counts": record["counts"].decode()}


def write_pictures(folder, arrays) -> list[str]:
    names = []
    for index, frame in enumerate(arrays["frames"]):
        names.append(f"v{index}/0.png")
        path = folder / "pictures" / names[-1]
        path.parent.mkdir(parents=True)
        Image.fromarray(frame).save(path)
    return names


def video_json(names: list[str], masks: np.ndarray) -> dict:
    """Two videos of a frame; of the second one, the middle track is not there."""
    pairs = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)]
    return {
        "videos": [
            {"id": v + 1, "file_names": [name], "height": 64, "width": 64, "length": 1} for v, name in enumerate(names)
        ],
        "annotations": [
            {
                "id": index + 1,
                "video_id": video + 1,
                "category_id": 1,
                "iscrowd": 0,
                "segmentations": [encode(masks[video, slot])],
                "bboxes": [[0, 0, 64, 64]],
                "areas": [int(masks[video, slot].sum())],
            }
            for index, (video, slot) in enumerate(pairs)
        ],
        "categories": [{"id": 1, "name": "thing"}],
    }


def image_json(names: list[str], masks: np.ndarray) -> dict:
    """Two images of three instances; the second one's middle instance is too small to cover a pixel."""
    speck = [[5.1, 5.1, 5.2, 5.1, 5.2, 5.2]]
    shapes = [[encode(mask) for mask in image] for image in masks]
    shapes[1][1] = speck
    return {
        "images": [{"id": i + 1, "file_name": name, "height": 64, "width": 64} for i, name in enumerate(names)],
        "annotations": [
            {
                "id": 3 * image + slot + 1,
                "image_id": image + 1,
                "category_id": 1,
                "iscrowd": 0,
                "segmentation": shapes[image][slot],
                "bbox": [5, 5, 40, 40],
                "area": 100,
            }
            for image in range(2)
            for slot in range(3)
        ],
        "categories": [{"id": 1, "name": "thing"}],
    }


def video_config(root) -> Config:
    config = Config.fromfile(root / "configs/video/clipvis_r50_ytvis2019.py")
    transforms = config.train_dataloader.dataset.pipeline[2].transforms
    transforms[1].short_sides, transforms[2].prob = 64, 0.0
    config.train_dataloader.dataset.data_prefix = dict(img_path="pictures")
    return config


def image_config(root) -> Config:
    config = Config.fromfile(root / "configs/image/clipvis_r50_lvis.py")
    config.train_dataloader.dataset = dict(
        type="CocoInstanceDataset", data_prefix=dict(img="pictures"), pipeline=config.train_dataloader.dataset.pipeline
    )
    config.train_dataloader.dataset.pipeline[1].update(size=(64, 64), scale_range=(1.0, 1.0), flip_prob=0.0)
    return config


def run_one_iteration(config: Config, state: dict, points: PointSampler, folder) -> Recorder:
    """The config's own training for one iteration from given weights, with the pictures in their order."""
    config.train_dataloader.dataset.update(data_root=str(folder), ann_file="set.json")
    config.train_dataloader.dataset.pop("vocabulary", None)
    config.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    config.train_dataloader.sampler = dict(type="EndlessSampler", shuffle=False, seed=0)
    config.train_cfg.update(max_iters=1, val_interval=10)
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.test_dataloader = config.test_cfg = config.test_evaluator = None
    config.default_hooks.checkpoint.update(interval=100, save_last=False)
    config.work_dir, config.experiment_name = str(folder / "work"), f"parity_{folder.name}"
    runner = RUNNERS.build(config)
    runner.model.load_state_dict(state)
    runner.model.is_init = True  # mmengine's mark that there is nothing to initialise
    runner.model.criterion.points = points
    recorder = Recorder()
    runner.register_hook(recorder, "LOWEST")
    runner.train()
    return recorder


@pytest.mark.parametrize("name", ["rn50_dec10", "rn50_img_dec7"])
def test_the_runner_gives_the_published_losses_and_gradients(reference, repo_root, tmp_path, name):
    mode = "image" if "_img_" in name else "video"
    golden = reference.json("grad_goldens")[name]
    arrays = reference.arrays("grad_input")
    names = write_pictures(tmp_path, arrays)
    make_json, make_config = (image_json, image_config) if mode == "image" else (video_json, video_config)
    (tmp_path / "set.json").write_text(json.dumps(make_json(names, arrays["gt_masks"])))

    state = to_ours(reference.official_state("rn50", int(name.rsplit("dec", 1)[1])))
    recorder = run_one_iteration(make_config(repo_root), state, StoredPoints(arrays), tmp_path)

    for published, value in golden["weighted_losses"].items():
        assert recorder.losses[our_name(published)] == pytest.approx(value, rel=1e-4), published
    assert recorder.losses["loss"] == pytest.approx(golden["total_weighted_loss"], rel=1e-5)
    assert recorder.losses["grad_norm"] == pytest.approx(golden["total_grad_norm"], rel=1e-3)
    clipped = to_official(recorder.gradients)
    shrunk = CLIP_NORM / golden["total_grad_norm"]
    for key, norm in golden["grad_norm"].items():
        assert clipped[key].norm().item() == pytest.approx(norm * shrunk, rel=0.01), key
