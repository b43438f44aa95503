"""Pictures of track numbers, from results made by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from clipvis_core import InputError, Vocabulary
from clipvis_core.inference import SegmentationResult, index_mask, write_index_masks
from clipvis_core.media.palette import track_color
from clipvis_core.tracking import VideoTracks

HEIGHT, WIDTH = 6, 8


def rle(rows: slice) -> dict:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    mask[rows] = 1
    return coco_mask.encode(mask)


def result_of(segmentations: list[list[dict | None]], scores: list[float]) -> SegmentationResult:
    count = len(scores)
    tracks = VideoTracks(
        scores=torch.tensor(scores),
        labels=torch.zeros(count, dtype=torch.int64),
        queries=torch.arange(count),
        segmentations=segmentations,
    )
    frames = len(segmentations[0])
    words = Vocabulary.from_text("dog")
    return SegmentationResult("clip", HEIGHT, WIDTH, Fraction(25), frames, words, tracks)


@pytest.fixture
def result() -> SegmentationResult:
    """Three tracks in two frames: the first two overlap in row 2, the third is weak."""
    first = [rle(slice(0, 3)), None]
    second = [rle(slice(2, 5)), rle(slice(1, 2))]
    third = [rle(slice(5, 6)), rle(slice(5, 6))]
    return result_of([first, second, third], [0.9, 0.6, 0.1])


def test_the_better_track_is_seen(result):
    numbers = index_mask(result.drawn(0.3), 0)
    assert numbers.dtype == np.uint8
    assert numbers[:, 0].tolist() == [1, 1, 1, 2, 2, 0]
    assert (numbers == numbers[:, :1]).all()


def test_pictures_hold_numbers_and_the_overlays_colours(result, tmp_path):
    write_index_masks(result.drawn(0.3), tmp_path / "masks", progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["masks"]
    pictures = [Image.open(path) for path in sorted((tmp_path / "masks").iterdir())]
    assert [picture.filename[-9:] for picture in pictures] == ["00000.png", "00001.png"]
    assert [picture.mode for picture in pictures] == ["P", "P"]
    first, second = (np.asarray(picture)[:, 3].tolist() for picture in pictures)
    assert first == [1, 1, 1, 2, 2, 0]
    assert second == [0, 2, 0, 0, 0, 0]
    colours = np.asarray(pictures[0].convert("RGB"))[:, 0]
    assert [tuple(colours[row]) for row in (0, 3, 5)] == [track_color(1), track_color(2), (0, 0, 0)]


def test_an_earlier_run_is_replaced_and_nothing_else(result, tmp_path):
    folder = tmp_path / "masks"
    write_index_masks(result.drawn(0.0), folder, progress=False)
    (folder / "00007.png").write_bytes(b"of a longer video")
    write_index_masks(result.drawn(1.0), folder, progress=False)
    assert sorted(path.name for path in folder.iterdir()) == ["00000.png", "00001.png"]
    assert not np.asarray(Image.open(folder / "00000.png")).any()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        write_index_masks(result.drawn(0.0), folder, progress=False)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_failure_leaves_nothing(result, tmp_path):
    broken = result_of([[rle(slice(0, 1)), {"size": [3, 3], "counts": b"91"}]], [0.9])
    with pytest.raises(ValueError, match="RLE"):
        write_index_masks(broken.drawn(0.0), tmp_path / "masks", progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("tracks", "fits"), [(255, True), (256, False)])
def test_numbers_end_at_255(tracks, fits, tmp_path):
    frames = range(tracks)
    one_frame_each = [[rle(slice(0, 1)) if t == track else None for t in frames] for track in frames]
    result = result_of(one_frame_each, [0.9] * tracks)
    if not fits:
        with pytest.raises(InputError, match="track 256 does not fit"):
            write_index_masks(result.drawn(0.0, all_tracks=True), tmp_path / "masks", progress=False)
        return
    write_index_masks(result.drawn(0.0, all_tracks=True), tmp_path / "masks", progress=False)
    assert np.asarray(Image.open(tmp_path / "masks/00254.png")).max() == 255
