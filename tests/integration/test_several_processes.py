"""Two processes with a clip each, and one process with both: the same training, validation and test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from run_tools import run_tool

pytestmark = pytest.mark.slow

CONFIG = """
_base_ = "{root}/configs/quick/clips.py"

custom_imports = dict(imports=[*_base_.custom_imports.imports, "recording"])
model = dict(
    head=dict(query_decoder=dict(num_queries=6, num_layers=2)),
    criterion=dict(num_points=128),
)
train_pipeline = _base_.train_pipeline
train_pipeline[2].transforms[1].short_sides = 64
test_pipeline = _base_.test_pipeline
test_pipeline[0].transforms[1].short_sides = 64
clips = dict(data_root="clips")
loading = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(batch_size={batch}, dataset=dict(pipeline=train_pipeline, **clips), **loading)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **clips), **loading)
test_dataloader = val_dataloader
val_evaluator = dict(outfile_prefix="{work_dir}/validated")
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(
    checkpoint=dict(interval=2),
    logger=dict(interval=1),
    visualization=dict(num_samples=2, frames_per_clip=2, score_thr=0.0),
)
custom_hooks = _base_.custom_hooks + [dict(type="RecordHook")]
randomness = dict(seed=3)
"""
FRAMES, HEIGHT, WIDTH = 3, 64, 96


def write_clips(folder: Path) -> None:
    """Five clips, each with two tracks that fill much of every frame."""
    rng = np.random.default_rng(0)
    videos, annotations = [], []
    for video in range(1, 6):
        names = [f"v{video}/{t}.png" for t in range(FRAMES)]
        for name in names:
            path = folder / "JPEGImages" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(rng.integers(0, 255, (8, 12, 3), dtype=np.uint8))
            picture.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(path)
        videos.append({"id": video, "height": HEIGHT, "width": WIDTH, "length": FRAMES, "file_names": names})
        for track in range(2):
            masks, boxes = [], []
            for t in range(FRAMES):
                box = [2 + 40 * track + t, 4 + video, 50, 45]
                mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
                mask[box[1] : box[1] + box[3], box[0] : box[0] + box[2]] = 1
                rle = coco_mask.encode(mask)
                masks.append({"size": rle["size"], "counts": rle["counts"].decode()})
                boxes.append(box)
            annotations.append(
                {
                    "id": 2 * video + track,
                    "video_id": video,
                    "category_id": 1 + track,
                    "iscrowd": 0,
                    "segmentations": masks,
                    "bboxes": boxes,
                    "areas": [50 * 45] * FRAMES,
                }
            )
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    content = {"videos": videos, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, repo_root):
    folder = tmp_path_factory.mktemp("processes")
    write_clips(folder / "clips")
    for name, batch in (("one", 2), ("two", 1)):
        text = CONFIG.format(root=repo_root, batch=batch, work_dir=name)
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def finished(folder, repo_root):
    """Folder where one process and two have trained, stopped, gone on, and tested."""
    tools = repo_root / "tools"
    three = ("--cfg-options", "train_cfg.max_iters=3")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as where there are two processes: sums have the same order
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CLIPVIS_CACHE", str(folder / "cache"))
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))  # for the config's `recording`
        run_tool(tools, "train.py", "one.py", "--work-dir", "one", *three)
        run_tool(tools, "test.py", "one.py", "one/iter_3.pth", "--work-dir", "tested_one")
        run_in_two(tools / "train.py", "two.py", "--work-dir", "two")
        run_in_two(tools / "train.py", "two.py", "--work-dir", "two", "--resume", *three)
        run_in_two(tools / "test.py", "one.py", "one/iter_3.pth", "--work-dir", "tested_two")
    torch.set_num_threads(threads)
    return folder


def run_in_two(tool: Path, *arguments: str) -> None:
    """Runs a program in two processes of one thread each, which end in good order."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*launch, str(tool), *arguments, "--launcher", "pytorch"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]


def log_of(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted(folder.glob("*/*.log")))


def records(folder, name, ranks, start=0):
    return [torch.load(folder / name / f"rank{rank}_from{start}.pt") for rank in range(ranks)]


def mean_loss(parts, iteration, name):
    return sum(part["losses"][iteration][name] for part in parts) / len(parts)


def test_losses_of_two_processes_average_to_those_of_one(finished):
    """Holds to float error since all clips show two objects, and at first all overlap their match.

    The mask losses are divided by the number of objects over all processes, so they always add up.
    Objectness is averaged by weight, and the IoU loss over overlapping pairs, in each process by
    itself, as published: with different numbers of them a process they agree in expectation only.
    """
    (whole,) = records(finished, "one", 1)
    parts = records(finished, "two", 2)
    assert len(parts[0]["losses"]) == 2
    for name, value in whole["losses"][0].items():
        assert mean_loss(parts, 0, name) == pytest.approx(value, rel=1e-5), name
    for name in ("loss_object", "loss_mask", "loss_dice", "d0.loss_mask"):
        assert mean_loss(parts, 1, name) == pytest.approx(whole["losses"][1][name], rel=1e-5), name
    assert parts[0]["losses"][0]["loss_mask"] != parts[1]["losses"][0]["loss_mask"]


def test_gradients_of_two_processes_are_those_of_one(finished):
    """After averaging and clipping, as the optimizer takes them."""
    (whole,) = records(finished, "one", 1)
    first, second = (part["gradients"][0] for part in records(finished, "two", 2))
    norm = torch.cat([g.flatten() for g in whole["gradients"][0].values()]).norm()
    assert float(norm) == pytest.approx(0.01, rel=1e-3)
    for name, gradient in whole["gradients"][0].items():
        assert torch.equal(first[name], second[name]), name
        assert (first[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-6 * norm, name


def test_two_resumed_processes_go_on_with_the_same_samples(finished):
    (whole,) = records(finished, "one", 1)
    before, after = records(finished, "two", 2), records(finished, "two", 2, start=2)
    frames = [
        [frame for part in parts for frame in part["frames"][i]] for parts, i in ((before, 0), (before, 1), (after, 0))
    ]
    assert frames == whole["frames"]
    assert mean_loss(after, 0, "loss_mask") == pytest.approx(whole["losses"][2]["loss_mask"], rel=1e-3)


def test_the_log_says_what_people_look_for(finished):
    log = log_of(finished / "one")
    line = next(line for line in log.splitlines() if "Iter(train)" in line)
    for entry in ("lr", "eta", "time", "data_time", "grad_norm", "loss", "d0.loss_dice"):
        assert re.search(rf"\b{re.escape(entry)}: [\d.e:-]+", line), entry
    for name in ("loss_object", "loss_mask", "loss_dice", "loss_iou"):
        assert re.search(rf" {name}: \d", line), name


def test_validation_during_training_finds_the_same_tracks(finished):
    found = {}
    for name in ("one", "two"):
        assert re.search(r"Iter\(val\) \[\S+\] +ytvis2019/AP: [\d.]+", log_of(finished / name))
        tracks = json.loads((finished / name / "validated.json").read_text())
        tracks.sort(key=lambda track: (track["video_id"], -track["score"]))
        found[name] = [(track["video_id"], track["score"]) for track in tracks]
    assert {video for video, _ in found["one"]} == {1, 2, 3, 4, 5}
    assert [video for video, _ in found["two"]] == [video for video, _ in found["one"]]
    assert [s for _, s in found["two"]] == pytest.approx([s for _, s in found["one"]], rel=1e-2)


def test_pictures_of_predictions_are_drawn_at_each_validation(finished):
    for name in ("one", "two"):
        pictures = sorted(path.name for path in (finished / name / "vis/iter_2").iterdir())
        second = {"one": "00002_v3", "two": "00001_v3"}[name]  # of five clips, or of every other
        assert pictures == [f"{c}_{t}.jpg" for c in ("00000_v1", second) for t in (0, 1)]
        with Image.open(finished / name / "vis/iter_2" / pictures[0]) as picture:
            assert picture.size == (WIDTH, HEIGHT)


def test_a_test_by_two_processes_writes_the_file_of_one(finished):
    one, two = (finished / f"tested_{n}/results.json" for n in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert {record["video_id"] for record in json.loads(one.read_text())} == {1, 2, 3, 4, 5}
    numbers = [json.loads(p.with_name("metrics.json").read_text())["metrics"] for p in (one, two)]
    assert numbers[0] == numbers[1]
