"""Makes the builders of small datasets and small runs importable under pytest's importlib mode."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import torch

import clipvis_data.datasets  # noqa: F401 - registers
import clipvis_eval.metrics  # noqa: F401
import clipvis_train.hooks  # noqa: F401

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "data")]


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    """A folder with a few generated photos and clips."""
    from builders import image_json, video_json, write_images, write_videos

    root = tmp_path_factory.mktemp("train_data")
    write_images(root, image_json(height=48, width=64), "photos.json")
    write_videos(root, video_json(num_videos=4, length=3, height=48, width=64), "clips.json")
    return root


@pytest.fixture
def run_conditions():
    """One thread, as sums of floats need to repeat; and the signals as they were, whatever a run does to them."""
    threads = torch.get_num_threads()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    for number, handler in handlers.items():
        signal.signal(number, handler)
