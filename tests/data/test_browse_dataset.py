"""tools/browse_dataset.py draws samples to files."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from builders import video_json, write_videos
from PIL import Image

from clipvis_data.datasets import VideoInstanceDataset
from clipvis_data.drawing import colour, draw_sample

CLIP = [
    {"type": "ClipFrameSample", "num_frames": 2},
    {"type": "ClipInstanceTable"},
    {"type": "TransformBroadcaster", "transforms": [{"type": "LoadRGBImage"}, {"type": "RasteriseRows"}]},
    {"type": "PackClip"},
]


@pytest.fixture
def root(tmp_path):
    write_videos(tmp_path, video_json())
    return tmp_path


def run(repo_root, *arguments):
    command = [sys.executable, str(repo_root / "tools" / "browse_dataset.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_masks_are_tinted_and_the_rest_is_untouched(root):
    folder = {"img_path": "JPEGImages"}
    dataset = VideoInstanceDataset(data_root=str(root), ann_file="instances.json", data_prefix=folder, pipeline=CLIP)
    np.random.seed(0)
    sample = dataset[0]
    pictures = draw_sample(sample, dataset.metainfo["classes"])
    assert [picture.shape for picture in pictures] == [(32, 48, 3)] * 2
    for picture, image, frame in zip(pictures, sample["inputs"], sample["data_samples"], strict=True):
        plain = image.numpy().transpose(1, 2, 0)
        np.testing.assert_array_equal(picture[24:], plain[24:])  # below every mask and label
        row = 0
        inside = frame.gt_instances.masks.masks[row].astype(bool)
        inside[:, 1:-1] &= inside[:, :-2] & inside[:, 2:]
        assert (picture[inside] != plain[inside]).any()
    assert colour(0) != colour(1)


def test_pictures_on_disk(root, tmp_path, repo_root):
    config = tmp_path / "mine.py"
    config.write_text(
        f'_base_ = "{repo_root}/configs/_base_/datasets/ytvis2019.py"\n'
        f'own = dict(data_root="{root}", data_prefix=dict(img_path="JPEGImages"))\n'
        "own.update(vocabulary=None)\n"
        'train_dataloader = dict(dataset=dict(ann_file="instances.json", **own))\n'
    )
    result = run(repo_root, config, "--out-dir", tmp_path / "pictures", "--number", 2)
    assert result.returncode == 0, result.stderr
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [path.name for path in pictures] == ["000000_000.png", "000001_000.png"]
    assert Image.open(pictures[0]).size == (1200, 800)


def test_mistakes_end_in_one_line(repo_root):
    result = run(repo_root, "nowhere.py", "--out-dir", "x")
    assert result.returncode == 2
    assert result.stderr == "error: config nowhere.py does not exist\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train_dataloader = dict(", "SyntaxError"),
        ("train_dataloader = dict(dataset=dict(type='Nothing'))", "Nothing is not in the mmdet::dataset registry"),
        ("train_dataloader = dict(dataset=3)", "TypeError"),
    ],
)
def test_a_broken_config_is_told_in_a_line(run_program, tmp_path, text, reason):
    (tmp_path / "broken.py").write_text(text)
    code, _, errors = run_program("tools/browse_dataset.py", tmp_path / "broken.py", "--out-dir", tmp_path / "out")
    assert code == 2
    assert errors.splitlines()[-1].startswith(f"error: {tmp_path / 'broken.py'} cannot be used (")
    assert reason in errors
