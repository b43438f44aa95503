"""The runs that are killed: how each is started, and what its folder may hold after a kill and must hold at the end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.extend(str(Path(__file__).resolve().parents[1] / folder) for folder in ("train", "data", "eval"))

from builders import image_json, write_images
from small_runs import assert_equal, small_config

ROOT = Path(__file__).resolve().parents[2]
FRAMES, VIDEOS = 24, 6
TEST_CONFIG = """
custom_imports = dict(
    imports=["dummy_videos", "clipvis_eval.metrics", "clipvis_eval.running"], allow_failed_imports=False
)
default_scope = "mmdet"
model = dict(type="DummyVideoModel")
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(type="DummyVideos", num_videos={videos}),
)
test_evaluator = dict(type="LVVISTrackMetric", ann_file={truth!r})
"""


class Infer:
    """A folder of frames, with overlay and masks; with `stream` also frame by frame.

    Args:
        folder: Where its input goes.
        stream: Whether it runs with --stream.
    """

    def __init__(self, folder: Path, *, stream: bool = False) -> None:
        self.name = "infer --stream" if stream else "infer"
        self.frames = folder / self.name.replace(" ", "")
        self.frames.mkdir()
        self.options = ["--stream"] if stream else ["--masks"]
        generator = np.random.default_rng(0)
        for index in range(FRAMES):
            blocks = generator.integers(0, 255, (4, 6, 3))
            Image.fromarray(np.kron(blocks, np.ones((16, 16, 1))).astype(np.uint8)).save(self.frames / f"{index}.bmp")

    def command(self, folder: Path, *, again: bool) -> list[str]:
        """Program and arguments of a run into a folder; `again` after one that was killed."""
        words = ["--classes", "dog; cat", "--contrast", "none", "--short-side", "64", "--topk", "5", "--score-thr", "0"]
        return ["infer.py", str(self.frames), *words, *self.options, "--out-dir", str(folder)]

    def check_killed(self, folder: Path, whole: Path) -> None:
        """No file is half written, and what is not as in the whole run is said to be partial."""
        check_files(folder)
        same = all(same_bytes(path, whole / path.name) for path in folder.glob("[!.]*") if path.is_file())
        record = folder / "video.json"
        assert same or json.loads(record.read_text())["complete"] is False, "a partial result that does not say so"

    def check_finished(self, folder: Path, whole: Path) -> None:
        """The same bytes as the whole run, and nothing else."""
        assert_same_tree(folder, whole)


class Test:
    """A test with a result store; the network is a stand-in that takes its time."""

    name = "test"
    __test__ = False  # for pytest

    def __init__(self, folder: Path) -> None:
        self.config, self.weights = folder / "config.py", folder / "weights.pth"
        masks = [{"size": [8, 10], "counts": [0, 80]}] * 3
        videos = [{"id": 100 - i, "height": 8, "width": 10, "length": 3} for i in range(VIDEOS)]
        track = {"id": 1, "video_id": 100, "category_id": 1, "iscrowd": 0, "areas": [80] * 3, "segmentations": masks}
        categories = [{"id": 1, "name": "a", "partition": 0}, {"id": 2, "name": "b", "partition": 2}]
        truth = folder / "truth.json"
        truth.write_text(json.dumps({"videos": videos, "categories": categories, "annotations": [track]}))
        self.config.write_text(TEST_CONFIG.format(videos=VIDEOS, truth=str(truth)))
        torch.save({"state_dict": {"bias": torch.zeros(1)}}, self.weights)

    def command(self, folder: Path, *, again: bool) -> list[str]:
        resume = ["--resume"] if again else []
        return ["test.py", str(self.config), str(self.weights), "--work-dir", str(folder), *resume]

    def check_killed(self, folder: Path, whole: Path) -> None:
        check_files(folder)
        for path in (*folder.glob("store/[!.]*.json"), *folder.glob("*.json")):
            assert same_bytes(path, whole / path.relative_to(folder)), f"{path.name} is another than undisturbed"

    def check_finished(self, folder: Path, whole: Path) -> None:
        self.check_killed(folder, whole)
        assert {path.name for path in folder.glob("store/*")} == {path.name for path in whole.glob("store/*")}
        assert not temporary_files(folder)


class Train:
    """A training run with checkpoints and a loader's worker."""

    name = "train"
    LAST = "iter_9.pth"

    def __init__(self, folder: Path) -> None:
        write_images(folder, image_json(height=48, width=64), "photos.json")
        self.config = folder / "train.py"
        small_config(ROOT, "photos", folder, train_dataloader__num_workers=1).dump(self.config)

    def command(self, folder: Path, *, again: bool) -> list[str]:
        return ["train.py", str(self.config), "--work-dir", str(folder), *(["--resume"] if again else [])]

    def check_killed(self, folder: Path, whole: Path) -> None:
        check_files(folder)

    def check_finished(self, folder: Path, whole: Path) -> None:
        """The same weights and states to the last bit; times and paths differ."""
        states = [torch.load(path / self.LAST, weights_only=True) for path in (folder, whole)]
        for entry in ("state_dict", "optimizer", "param_schedulers", "train_sampler"):
            assert_equal(*(state[entry] for state in states), where=entry)
        assert not temporary_files(folder)


def check_files(folder: Path) -> None:
    """Every file under a final name can be read to its end; of `frames.jsonl`, which grows, all lines but the last."""
    for path in folder.rglob("[!.]*"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.suffix == ".json" and path.parent.name != "vis_data":
            json.loads(path.read_bytes())
        elif path.suffix == ".jsonl":
            [json.loads(line) for line in path.read_text().splitlines()[:-1]]
        elif path.suffix == ".png":
            Image.open(path).load()
        elif path.suffix == ".pth":
            torch.load(path, weights_only=True)
        elif path.suffix == ".mp4":
            assert len(list(_decoded(path))) > 0


def _decoded(path: Path) -> object:
    from clipvis_core.media import open_frames

    return open_frames(path)


def temporary_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name not in (".", "..")]


def same_bytes(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def assert_same_tree(one: Path, other: Path) -> None:
    names = [{str(path.relative_to(folder)) for path in folder.rglob("*")} for folder in (one, other)]
    assert names[0] == names[1], f"files differ: {sorted(names[0] ^ names[1])}"
    differing = [name for name in names[0] if (one / name).is_file() and not same_bytes(one / name, other / name)]
    assert not differing, f"other bytes than undisturbed: {differing}"
