"""Frames loaded on demand are the frames loaded at once."""

from __future__ import annotations

import pickle

import pytest
import torch
from builders import save_picture, video_json, write_videos
from mmdet.registry import DATASETS
from mmengine.dataset import pseudo_collate

from clipvis_core.foundation.errors import InputError
from clipvis_data.transforms import FrameSequence

FRAME = [{"type": "LoadRGBImage"}, {"type": "ResizeFrame", "short_sides": 16}]


def item(root, kind: str) -> dict:
    """The first video of a set through a test pipeline."""
    dataset = DATASETS.build(
        {
            "type": "VideoInstanceDataset",
            "data_root": str(root),
            "ann_file": "instances.json",
            "data_prefix": {"img_path": "JPEGImages"},
            "test_mode": True,
            "pipeline": [{"type": kind, "transforms": FRAME}, {"type": "PackClip"}],
        }
    )
    return dataset[0]


@pytest.fixture
def videos(tmp_path):
    write_videos(tmp_path, video_json())
    return tmp_path


def test_same_frames_and_metainfo(videos):
    lazy, eager = item(videos, "LazyFrames"), item(videos, "TransformBroadcaster")
    frames = lazy["inputs"]
    assert isinstance(frames, FrameSequence)
    assert torch.equal(torch.stack([frames[t] for t in range(len(frames))]), eager["inputs"])
    assert lazy["data_samples"].metainfo == eager["data_samples"].metainfo
    for one, other in zip(lazy["data_samples"], eager["data_samples"], strict=True):
        assert one.metainfo == other.metainfo


def test_collating_and_pickling_load_nothing(videos):
    """What a dataloader does with it between its processes."""
    batch = pseudo_collate([item(videos, "LazyFrames")])
    first = video_json()["videos"][0]["file_names"]
    (videos / "JPEGImages" / first[2]).unlink()
    (frames,) = pickle.loads(pickle.dumps(batch))["inputs"]
    assert len(frames) == 4
    assert frames[1].shape == (3, 16, 24)
    with pytest.raises(InputError, match=r"00002\.jpg does not exist"):
        frames[2]


def test_a_frame_of_another_size_is_named(videos):
    frames = item(videos, "LazyFrames")["inputs"]
    frames.shape = (16, 25)
    with pytest.raises(InputError, match=r"00001\.jpg.*\(16, 24\).*\(16, 25\)"):
        frames[1]


def test_a_broken_first_frame_is_named_at_once(videos):
    save_picture(videos / "JPEGImages/video1/00000.jpg", 10, 10)
    with pytest.raises(InputError, match=r"00000\.jpg is 10 x 10"):
        item(videos, "LazyFrames")
