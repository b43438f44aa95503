"""RLE validator: what it says about each kind of damage, and its properties in a process of their
own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.rle import RleError, validate_rle, validate_rles


def good(height: int = 4, width: int = 5) -> dict:
    mask = np.zeros((height, width), np.uint8, order="F")
    mask[1:3, 1:4] = 1
    return mask_api.encode(mask)


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        ("abc", "is a str, not an RLE object"),
        ({"size": [4, 5]}, "has no 'counts'"),
        ({"counts": [20]}, "has no 'size'"),
        ({"size": [4], "counts": [20]}, "must be .height, width."),
        ({"size": [4.0, 5.0], "counts": [20]}, "must be .height, width."),
        ({"size": [5, 4], "counts": [20]}, "is 5 x 4 .height x width., but must be 4 x 5"),
        ({"size": [4, 5], "counts": 20}, "counts of type int"),
        ({"size": [4, 5], "counts": []}, "runs of 0 pixels in all, but its size has 20"),
        ({"size": [4, 5], "counts": [19]}, "runs of 19 pixels"),
        ({"size": [4, 5], "counts": [25, -5]}, "negative run -5 at position 1"),
        ({"size": [4, 5], "counts": [20.0]}, "'20.0' as run 0"),
        ({"size": [4, 5], "counts": [True, 19]}, "'True' as run 0"),
        ({"size": [4, 5], "counts": b""}, "has empty counts"),
        ({"size": [4, 5], "counts": "5 5"}, "not part of the RLE code"),
        ({"size": [4, 5], "counts": "5\u00e9"}, "not part of the RLE code"),
        ({"size": [4, 5], "counts": b"5\0"}, "not part of the RLE code"),
        ({"size": [4, 5], "counts": b"5o"}, "stop in the middle of a run"),
        ({"size": [4, 5], "counts": b"PPPPPPP1"}, "run too long"),
        ({"size": [4, 5], "counts": b"5O"}, "negative run"),
    ],
)
def test_damage_is_named(rle, message):
    with pytest.raises(InputError, match=message):
        validate_rle(rle, 4, 5)


def test_a_size_that_would_end_the_process_is_refused():
    rle = {"size": [2**20, 2**20], "counts": b"0"}
    with pytest.raises(InputError, match="pixels are accepted"):
        validate_rle(rle, 2**20, 2**20)


def test_the_first_bad_mask_of_a_batch_is_pointed_at():
    rles = [good(), None, {"size": [4, 5], "counts": "2"}, {"size": [4, 5], "counts": ""}]
    with pytest.raises(RleError, match="runs of 2 pixels") as caught:
        validate_rles(rles, 4, 5)
    assert caught.value.index == 2


def test_sizes_may_differ_within_a_batch():
    rles = [good(4, 5), good(7, 6)]
    assert validate_rles(rles, [4, 7], [5, 6]) == rles


def test_long_runs_and_many_chunks(monkeypatch):
    monkeypatch.setattr("clipvis_core.foundation.rle._CHUNK_BYTES", 64)
    mask = np.zeros((3000, 4000), np.uint8, order="F")
    mask[-1, -1] = mask[0, 1000] = 1
    rles = [mask_api.encode(mask)] * 30
    assert validate_rles(rles, 3000, 4000) == rles


def test_properties_in_a_process_of_their_own():
    script = Path(__file__).with_name("rle_properties.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(script)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "....." in result.stdout
